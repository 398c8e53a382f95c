// The switches that let things go wrong.

import { post } from "./api.js";
import { byId, h, sync } from "./dom.js";
import { setCount } from "./letters.js";

export function startFaults({ act, say }) {
  const flip = (name, on) => act(() => post("/api/fault", { name, on }));
  for (const button of document.querySelectorAll("[data-rotate]")) {
    button.addEventListener("click", () =>
      act(async () => {
        await post("/api/rotate", { vendor: button.dataset.rotate });
        say("Rotated: the new key is in Secrets Manager, the old one is refused.");
      }),
    );
  }
  return (faults) => {
    sync(byId("switches"), faults, ({ name }) => name, (fault) => makeSwitch(fault, flip));
    setCount(byId("jump-faults"), faults.filter(({ on }) => on).length);
  };
}

function makeSwitch({ name, title, teaches }, flip) {
  const box = h("input", { type: "checkbox", role: "switch", id: `fault-${name}`, "aria-describedby": `teaches-${name}` });
  let asked = 0; // while a change is on its way, the server's older word must not turn the switch back
  box.addEventListener("change", async () => {
    asked += 1;
    const done = await flip(name, box.checked);
    asked -= 1;
    if (!done) box.checked = !box.checked;
  });
  const element = h(
    "li",
    {},
    h("label", { class: "switch" }, box, h("span", {}, title)),
    h("p", { class: "hint", id: `teaches-${name}` }, teaches),
  );
  element.update = ({ on }) => {
    if (!asked) box.checked = on;
  };
  return element;
}
