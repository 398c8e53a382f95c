// The page: one state from the server, rendered by each part; what a person does goes back as a request.

import { listen } from "./api.js";
import { startComposer } from "./composer.js";
import { byId, setText } from "./dom.js";
import { startFaults } from "./faults.js";
import { startLetters } from "./letters.js";
import { follow, renderPhones } from "./phones.js";
import { countDown, renderStories } from "./stories.js";

const PROBLEM_MS = 8000;

let problemTimer = 0;

/** Say something to people who don't see the page, and for a moment to those who do. */
function say(text) {
  byId("say").textContent = text;
}

function complain(text) {
  byId("problem").textContent = text;
  clearTimeout(problemTimer);
  problemTimer = setTimeout(() => (byId("problem").textContent = ""), PROBLEM_MS);
}

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
  renderStories(state.conversations);
  renderLetters(state.dead_letters);
  renderFaults(state.faults);
  if (state.trouble) complain(state.trouble);
  if (news.length) say(news.join(" "));
}

function onLink(up) {
  setText(byId("link"), up ? "Connected" : "Not connected; trying again …");
  byId("link").dataset.up = String(up);
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
