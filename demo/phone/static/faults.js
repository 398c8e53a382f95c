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
  box.addEventListener("change", () => flip(name, box.checked).then((done) => done || (box.checked = !box.checked)));
  const element = h(
    "li",
    {},
    h("label", { class: "switch" }, box, h("span", {}, title)),
    h("p", { class: "hint", id: `teaches-${name}` }, teaches),
  );
  element.update = ({ on }) => (box.checked = on);
  return element;
}
