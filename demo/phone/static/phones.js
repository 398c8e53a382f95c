// The phones: one per recipient, with a chat of what Twilio delivered.

import { byId, h, plural, setText, sync, timeOf } from "./dom.js";

const log = byId("log");
const chat = byId("chat");

let phones = [];
let chosen = null;
let wanted = null;
let known = null;

/** Show a phone as soon as it is there. */
export function follow(id) {
  wanted = id;
  render();
}

/** Show the phones; returns what has arrived since the last time, in words. */
export function renderPhones(latest) {
  phones = latest;
  render();
  const before = known;
  known = new Map(phones.map(({ id, messages }) => [id, messages.length]));
  if (!before) return [];
  return phones
    .map(({ id, name, messages }) => [name, messages.length - (before.get(id) ?? 0)])
    .filter(([, news]) => news > 0)
    .map(([name, news]) => `${plural(news, "message", "messages")} arrived on ${name}'s phone.`);
}

function render() {
  if (phones.some(({ id }) => id === wanted)) {
    chosen = wanted;
    wanted = null;
  }
  const phone = phones.find(({ id }) => id === chosen) ?? phones[0];
  chosen = phone?.id ?? null;
  sync(byId("phones"), phones, ({ id }) => id, makeTab);
  showPhone(phone);
}

function makeTab({ id }) {
  const name = h("span");
  const count = h("span", { class: "count" });
  const button = h("button", { type: "button", onclick: () => follow(id) }, name, count);
  const item = h("li", {}, button);
  item.update = (phone) => {
    setText(name, phone.name);
    setText(count, String(phone.messages.length));
    button.setAttribute("aria-pressed", String(id === chosen));
    button.setAttribute("aria-label", `${phone.name}, ${plural(phone.messages.length, "message", "messages")}`);
  };
  return item;
}

function showPhone(phone) {
  setText(byId("sender"), phone?.sender ?? "Nobody yet");
  setText(byId("avatar"), [...(phone?.sender ?? "?")][0]);
  setText(byId("owner"), phone ? `on ${phone.name}'s phone, ${phone.number}` : "");
  const messages = phone?.messages ?? [];
  byId("no-message").hidden = messages.length > 0;
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const before = chat.childElementCount;
  sync(chat, messages, ({ sid }) => sid, makeBubble);
  if (atEnd || chat.dataset.phone !== chosen || before !== chat.childElementCount) log.scrollTop = log.scrollHeight;
  chat.dataset.phone = chosen ?? "";
}

function makeBubble(message) {
  const status = h("span", { class: "status" });
  const bubble = h(
    "li",
    { class: "bubble" },
    h("p", { class: "words" }, message.text),
    h("p", { class: "meta" }, message.template ? "template · " : "", status, h("time", { dateTime: message.at }, timeOf(message.at))),
  );
  bubble.update = (latest) => setText(status, `${latest.status} · `);
  return bubble;
}
