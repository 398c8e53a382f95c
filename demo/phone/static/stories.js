// The stories: what the function did about each conversation, delivery by delivery, and the record it left.

import { breakable, byId, duration, exactTimeOf, h, plural, setText, sync } from "./dom.js";

const MARKS = { done: "✓", guard: "◆", wait: "…", trouble: "✕", alarm: "!" };

export function renderStories(conversations, more, showChat) {
  byId("no-story").hidden = conversations.length > 0;
  sync(byId("stories"), conversations, ({ id }) => id, (made) => makeCard(made, showChat));
  setText(byId("more-stories"), more > 0 ? `and ${more.toLocaleString()} more` : "");
  const first = byId("stories").firstElementChild;
  if (first && !first.dataset.shown) {
    for (const card of byId("stories").children) {
      card.dataset.shown = "yes";
      if (!card.dataset.touched) card.open = card === first;
    }
  }
}

function makeCard(made, showChat) {
  const state = h("span", { class: "badge" });
  const title = h("h3", { dir: "auto" });
  const about = h("span", { class: "about" });
  const now = h("p", { class: "now" });
  const again = h("p", { class: "again" });
  const fate = h("p", { class: "fate" });
  const deliveries = h("div");
  const record = h("dl");
  const details = h("details", { class: "record" }, h("summary", {}, "The record"), record);
  const summary = h("summary", { onclick: () => (card.dataset.touched = "yes") }, title, state, about);
  const chat = h("button", { type: "button", class: "chat-link", onclick: () => showChat(chat.dataset.phone) });
  const card = h("details", { class: "card" }, summary, chat, deliveries, now, again, fate, details);
  card.update = (conversation) => {
    setText(title, [conversation.name, conversation.title].filter(Boolean).join(": "));
    setText(chat, `Open ${conversation.name ? `${conversation.name}'s` : "the"} chat`);
    chat.dataset.phone = conversation.phone ?? "";
    chat.hidden = !conversation.phone;
    setText(state, conversation.state);
    state.dataset.tone = conversation.tone;
    setText(about, aboutLine(conversation));
    setText(now, conversation.now);
    now.hidden = !conversation.now;
    setText(fate, conversation.fate);
    fate.hidden = !conversation.fate;
    again.dataset.at = conversation.comes_again_at ?? "";
    countDown(again);
    sync(deliveries, conversation.deliveries, ({ message_id, at }) => message_id + at, makeDelivery);
    sync(record, conversation.record, ({ name }) => name, makeAttribute);
    details.hidden = conversation.record.length === 0;
  };
  card.id = `card-${made.id}`;
  return card;
}

function aboutLine({ conversation_id: id, recipient, deliveries }) {
  const count = deliveries.filter((delivery) => !delivery.looks_back).length;
  return [id ?? "no conversation", recipient, count ? plural(count, "delivery", "deliveries") : null].filter(Boolean).join(" · ");
}

function makeDelivery({ looks_back: looksBack }) {
  const head = h("h4");
  const steps = h("ol", { class: "steps" });
  const element = h("div", { class: looksBack ? "look" : "delivery" }, head, steps);
  element.update = (latest) => {
    const words = looksBack ? "A look back" : `Message ${latest.message_id.slice(0, 8)}, receive ${latest.receive_count}`;
    setText(head, `${words} · ${exactTimeOf(latest.at)} · ${duration(latest.took_ms)}`);
    sync(steps, latest.steps.map((step, index) => ({ ...step, index })), ({ index, event }) => event + index, makeStep);
  };
  return element;
}

function makeStep(step) {
  return h(
    "li",
    { class: "step", "data-tone": step.tone, "data-event": step.event },
    h("span", { class: "mark", "aria-hidden": "true" }, MARKS[step.tone]),
    h("span", { class: "after" }, `+${duration(step.after_ms)}`),
    h("span", { class: "what" }, h("strong", {}, step.title), " ", h("span", { class: "detail" }, ...breakable(withShortIds(step.detail)))),
  );
}

/** Vendors' ids are long; the record has them in full. */
const withShortIds = (text) => text.replace(/\b(?:[a-z]+_|SM)[0-9a-f]{24,}/g, (id) => `${id.slice(0, 12)}…`).replaceAll("….", "…");

function makeAttribute({ name }) {
  const value = h("dd");
  const element = h("div", {}, h("dt", {}, name), value);
  element.update = (latest) => setText(value, latest.value);
  return element;
}

/** Say in how many seconds a message comes again; called every second. */
export function countDown(element) {
  const at = element.dataset.at;
  const seconds = at ? Math.ceil((new Date(at) - Date.now()) / 1000) : 0;
  element.hidden = !at;
  setText(element, seconds > 0 ? `Comes again in ${seconds} s.` : at ? "Comes again any moment." : "");
}
