// The page: one state from the server, rendered by each part; what a person does goes back as a request.

import { listen } from "./api.js";
import { startComposer } from "./composer.js";
import { byId, setText } from "./dom.js";
import { startFaults } from "./faults.js";
import { startLetters } from "./letters.js";
import { follow, renderPhones } from "./phones.js";
import { countDown, renderStories } from "./stories.js";

const SHOWN_MS = 8000;

const timers = new Map();

/** Show and say something for a moment. */
function tell(id, text) {
  byId(id).textContent = text;
  clearTimeout(timers.get(id));
  timers.set(id, setTimeout(() => (byId(id).textContent = ""), SHOWN_MS));
}

const say = (text) => tell("say", text);
const complain = (text) => tell("problem", text);

/** Do something that may fail; returns whether it did not. */
async function act(what) {
  try {
    await what();
    return true;
  } catch (error) {
    complain(error.message);
    return false;
  }
}

const renderFaults = startFaults({ act, say });
const renderLetters = startLetters({ act, say });

function onState(state) {
  const news = renderPhones(state.phones);
  renderStories(state.conversations, state.more_conversations, showChat);
  renderLetters(state.dead_letters, state.more_dead_letters);
  renderFaults(state.faults);
  byId("paused").hidden = !state.paused;
  trouble = state.trouble;
  showLink();
  if (news.length) say(news.join(" "));
}

let up = false;
let trouble = "";

/** Connected is said only while the stack behind the server answers too. */
function showLink() {
  setText(byId("link"), !up ? "Not connected; trying again …" : trouble || "Connected");
  byId("link").dataset.up = String(up && !trouble);
}

function onLink(isUp) {
  up = isUp;
  showLink();
}

function showChat(phone) {
  follow(phone);
  byId("phone").scrollIntoView({ block: "start" });
  byId("log").focus({ preventScroll: true });
}

let stop = listen(false, onState, onLink);

byId("unmask").addEventListener("change", ({ target }) => {
  stop();
  stop = listen(target.checked, onState, onLink);
});

setInterval(() => document.querySelectorAll(".again").forEach(countDown), 1000);

act(() =>
  startComposer({
    act,
    onSent(phone, times) {
      if (phone) follow(phone);
      say(times > 1 ? `Sent ${times} times.` : "Sent.");
    },
  }),
);
