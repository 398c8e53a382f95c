// The form: an example to start from, the fields most people change, and the Context Object itself.

import { get, post } from "./api.js";
import { breakable, byId, h, plural } from "./dom.js";

const CHECK_AFTER_MS = 250;

const FIELDS = {
  recipient: ["frontend_payload", "recipient_data", "recipient_tel"],
  "first-name": ["frontend_payload", "recipient_data", "recipient_first_name"],
};

const body = byId("body");
const reply = byId("reply");
const example = byId("example");
const again = byId("send-again");

let examples = [];
let lastSent = null;
let checkTimer = 0;
let checks = 0;

export async function startComposer({ onSent, act }) {
  examples = await get("/api/examples");
  example.append(...examples.map(({ name, title }) => h("option", { value: name }, title)));
  example.addEventListener("change", () => load(current()));
  for (const id of Object.keys(FIELDS)) byId(id).addEventListener("input", () => writeField(id));
  body.addEventListener("input", () => {
    readFields();
    checkSoon();
  });
  const send = (what, times) =>
    act(async () => {
      const { phone } = await post("/api/send", { ...what, times });
      lastSent = what;
      again.disabled = false;
      onSent(phone, times);
    });
  const sendNew = (times) => send(written(), times).then((done) => done && renew());
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    sendNew(1);
  });
  byId("composer").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      sendNew(1);
    }
  });
  byId("send-twice").addEventListener("click", () => sendNew(2));
  again.addEventListener("click", () => send(lastSent, 1));
  load(current());
}

const current = () => examples.find(({ name }) => name === example.value);
const written = () => ({ body: body.value, reply: reply.value, title: current().title });

function load(chosen) {
  byId("example-shows").textContent = chosen.shows;
  body.value = chosen.body;
  reply.value = chosen.reply ?? "";
  renew();
  readFields();
}

/** Give the Context Object in the form a conversation of its own: what is sent next is no duplicate. */
function renew() {
  const context = parse(body.value);
  if (context?.conversation_data) {
    const id = [...crypto.getRandomValues(new Uint8Array(4))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    context.conversation_data.conversation_id = `conv-${id}`;
    const request = context.frontend_payload?.request_data;
    if (request?.request_id) request.request_id = `req-${id}`;
    body.value = JSON.stringify(context, null, 2);
  }
  check();
}

function writeField(id) {
  const context = parse(body.value);
  const path = FIELDS[id];
  const parent = path.slice(0, -1).reduce((value, name) => value?.[name], context);
  if (!parent) return;
  parent[path.at(-1)] = byId(id).value;
  body.value = JSON.stringify(context, null, 2);
  checkSoon();
}

function readFields() {
  const context = parse(body.value);
  for (const [id, path] of Object.entries(FIELDS)) {
    const value = path.reduce((found, name) => found?.[name], context);
    byId(id).disabled = typeof value !== "string";
    byId(id).value = typeof value === "string" ? value : "";
  }
}

function parse(text) {
  try {
    const value = JSON.parse(text);
    return value && typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

function checkSoon() {
  clearTimeout(checkTimer);
  checkTimer = setTimeout(check, CHECK_AFTER_MS);
}

/** Ask the function's own model what it thinks of the text. */
async function check() {
  const number = ++checks;
  let faults;
  try {
    ({ faults } = await post("/api/check", { body: body.value }));
  } catch (error) {
    faults = [{ path: "", reason: error.message }];
  }
  if (number === checks) show(faults);
}

function show(faults) {
  const verdict = byId("verdict");
  verdict.dataset.valid = String(faults.length === 0);
  body.setAttribute("aria-invalid", String(faults.length > 0));
  if (faults.length === 0) {
    verdict.replaceChildren(h("p", {}, "Valid"));
    return;
  }
  const items = faults.map(({ path, reason }) => h("li", {}, h("code", {}, ...breakable(path)), ` ${reason}`));
  verdict.replaceChildren(h("p", {}, plural(faults.length, "fault", "faults")), h("ul", {}, ...items));
}
