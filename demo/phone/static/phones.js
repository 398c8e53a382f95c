// The phones: a list of recipients as people know it, and the chat of the one that is chosen.

import { byId, h, plural, setText, sync, timeOf } from "./dom.js";

const SHOWN = 200; // rows of the list; who looks for another one searches

const log = byId("log");
const chat = byId("chat");
const list = byId("phones");
const search = byId("phone-search");

let phones = [];
let shown = [];
let chosen = null;
let wanted = null;
let known = null;
const read = new Map();

/** Show a phone as soon as it is there. */
export function follow(id) {
  wanted = id;
  search.value = "";
  render();
}

/** Show the phones; returns what has arrived since the last time and what never will, in words. */
export function renderPhones(latest) {
  phones = latest;
  if (!known) for (const { id, arrived } of phones) read.set(id, arrived);
  render();
  const before = known;
  known = new Map(phones.map((phone) => [phone.id, phone]));
  if (!before) return [];
  return [
    ...newsOf("arrived", before, "arrived on", (name) => `${name}'s phone`, "phones"),
    ...newsOf("failed", before, "could not be delivered to", (name) => name, "people"),
  ];
}

function newsOf(what, before, happened, one, many) {
  const news = phones
    .map((phone) => [phone.name, phone[what] - (before.get(phone.id)?.[what] ?? 0)])
    .filter(([, more]) => more > 0);
  const say = (count, whom) => `${plural(count, "message", "messages")} ${happened} ${whom}.`;
  if (news.length <= 3) return news.map(([name, count]) => say(count, one(name)));
  return [say(news.reduce((sum, [, count]) => sum + count, 0), `${news.length} ${many}`)];
}

function render() {
  if (phones.some(({ id }) => id === wanted)) {
    chosen = wanted;
    wanted = null;
  }
  const phone = phones.find(({ id }) => id === chosen) ?? phones[0];
  chosen = phone?.id ?? null;
  if (phone) read.set(phone.id, phone.arrived);
  const words = search.value.trim().toLowerCase();
  const found = phones.filter(({ name, number }) => `${name} ${number}`.toLowerCase().includes(words));
  shown = found.slice(0, SHOWN);
  sync(list, shown, ({ id }) => id, makeRow);
  const active = document.getElementById(`option-${chosen}`);
  if (active) list.setAttribute("aria-activedescendant", active.id);
  else list.removeAttribute("aria-activedescendant");
  list.hidden = shown.length === 0;
  byId("phone-search-field").hidden = phones.length < 2;
  const more = found.length - shown.length;
  setText(byId("more-phones"), more > 0 ? `and ${more.toLocaleString()} more: search for one` : "");
  setText(byId("no-phone"), phones.length && !found.length ? "Nobody of that name or number." : "");
  showPhone(phone);
}

function makeRow({ id }) {
  const name = h("strong", { dir: "auto" });
  const time = h("time");
  const mark = makeTicks();
  const text = new Text();
  const last = h("span", { class: "last", dir: "auto" }, mark, text);
  const unread = h("span", { class: "count" });
  const row = h("li", { role: "option", id: `option-${id}`, onclick: () => choose(id) }, name, time, last, unread);
  row.update = (phone) => {
    const news = phone.arrived - (read.get(id) ?? 0);
    setText(name, phone.name);
    setText(time, phone.last ? timeOf(phone.last.at) : "");
    mark.update(phone.last?.ticks);
    setText(text, phone.last?.text ?? "Nothing yet");
    setText(unread, String(news));
    unread.hidden = news <= 0;
    const said = [phone.name, phone.number, phone.last?.text ?? "nothing yet", phone.last?.receipt.toLowerCase(), news > 0 ? `${news} unread` : ""];
    row.setAttribute("aria-label", said.filter(Boolean).join(", "));
    row.setAttribute("aria-selected", String(id === chosen));
  };
  return row;
}

function choose(id) {
  chosen = id;
  wanted = null;
  render();
  document.getElementById(`option-${id}`)?.scrollIntoView({ block: "nearest" });
}

const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 5, PageUp: -5, Home: -Infinity, End: Infinity };

list.addEventListener("keydown", (event) => {
  const step = STEPS[event.key];
  if (step === undefined || !shown.length) return;
  event.preventDefault();
  const at = shown.findIndex(({ id }) => id === chosen);
  choose(shown[Math.min(Math.max(at + step, 0), shown.length - 1)].id);
});

search.addEventListener("input", render);
search.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown" && event.key !== "Enter") return;
  event.preventDefault();
  if (shown.length) choose(shown[0].id);
  list.focus();
});

function showPhone(phone) {
  setText(byId("sender"), phone?.sender ?? "Nobody yet");
  setText(byId("avatar"), [...(phone?.sender ?? "?")][0]);
  setText(byId("owner"), phone ? `on ${phone.name}'s phone, ${phone.number}` : "");
  const messages = phone?.messages ?? [];
  byId("no-message").hidden = messages.length > 0;
  const older = (phone?.count ?? 0) - messages.length;
  setText(byId("older"), older > 0 ? `${plural(older, "older message is", "older messages are")} not shown` : "");
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const before = chat.childElementCount;
  sync(chat, messages, ({ sid }) => sid, makeBubble);
  if (atEnd || chat.dataset.phone !== chosen || before !== chat.childElementCount) log.scrollTop = log.scrollHeight;
  chat.dataset.phone = chosen ?? "";
}

function makeBubble(message) {
  const receipt = h("span", { class: "receipt" });
  const mark = makeTicks();
  const bubble = h(
    "li",
    { class: "bubble" },
    h("p", { class: "words", dir: "auto" }, message.text),
    h(
      "p",
      { class: "meta" },
      message.template ? "template · " : "",
      h("time", { dateTime: message.at }, timeOf(message.at)),
      " · ",
      receipt,
      " ",
      mark,
    ),
  );
  bubble.update = ({ ticks, receipt: words }) => {
    bubble.dataset.ticks = ticks;
    setText(receipt, words);
    mark.update(ticks);
  };
  return bubble;
}

const TICKS = { one: "✓", two: "✓✓", read: "✓✓", failed: "✕" };

/** Make the ticks of a message; whoever does not see them is told in words beside them. */
function makeTicks() {
  const mark = h("span", { class: "ticks", "aria-hidden": "true" });
  mark.update = (ticks) => {
    mark.dataset.ticks = ticks ?? "";
    mark.hidden = !ticks;
    setText(mark, TICKS[ticks] ?? "");
  };
  return mark;
}
