// The dead letters: what is in the DLQ and why, and the way back.

import { post } from "./api.js";
import { byId, h, plural, setText, setWords, sync } from "./dom.js";

export function startLetters({ act, say }) {
  const redrive = (messageId) =>
    act(async () => {
      const { moved } = await post("/api/redrive", messageId ? { message_id: messageId } : {});
      say(`${plural(moved, "message goes", "messages go")} back to the queue.`);
    });
  byId("redrive-all").addEventListener("click", () => redrive(null));
  return (letters, more) => {
    setText(byId("more-letters"), more > 0 ? `and ${more.toLocaleString()} more` : "");
    byId("no-dead").hidden = letters.length > 0;
    byId("redrive-all").hidden = letters.length === 0;
    sync(byId("letters"), letters, ({ message_id: id }) => id, (letter) => makeLetter(letter, redrive));
    setCount(byId("jump-dead"), letters.length + more);
  };
}

function makeLetter(letter, redrive) {
  const code = h("span", { class: "badge", "data-tone": "trouble" });
  const about = h("span", { class: "about" });
  const reason = h("p");
  const excerpt = h("pre");
  const button = h("button", { type: "button", onclick: () => redrive(letter.message_id) }, "Redrive");
  const element = h("li", { class: "letter" }, h("div", {}, code, about), reason, excerpt, button);
  element.update = (latest) => {
    const id = latest.conversation_id ?? `message ${latest.message_id.slice(0, 8)}`;
    setText(code, latest.code);
    setText(about, [latest.title, id, latest.recipient].filter(Boolean).join(" · "));
    setWords(reason, latest.reason);
    setText(excerpt, latest.excerpt);
    excerpt.hidden = !latest.excerpt;
    button.setAttribute("aria-label", `Redrive ${id}`);
  };
  return element;
}

export function setCount(element, count) {
  setText(element, String(count));
  element.hidden = count === 0;
}
