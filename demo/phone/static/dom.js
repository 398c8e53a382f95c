// Elements, made from text alone: nothing here, nor anywhere else, turns text into markup.

/** Make an element. Properties are set as such; `class`, `data-*`, `aria-*` and `role` as attributes. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class" || name === "role" || name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Set text only where it differs: a live region would say it again, a selection would be lost. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Like `setText`, for paths and sentences in one: a path may break behind a dot, a slash or an underscore. */
export function setWords(element, text) {
  if (element.textContent !== text) element.replaceChildren(...breakable(text));
}

export const breakable = (text) =>
  text.split(/(?<=[a-z][./_])(?=[a-z])/).flatMap((part, index) => (index ? [document.createElement("wbr"), part] : [part]));

/**
 * Make the children of `parent` those of `items`, in their order. An element stays as long as its item does, and with it
 * focus, scrolling and what is open. `make` returns an element for an item; its `update`, where it has one, is called
 * with the item.
 */
export function sync(parent, items, keyOf, make) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let previous = null;
  for (const item of items) {
    const key = String(keyOf(item));
    const element = old.get(key) ?? make(item);
    element.dataset.key = key;
    old.delete(key);
    element.update?.(item);
    const place = previous ? previous.nextElementSibling : parent.firstElementChild;
    if (place !== element) parent.insertBefore(element, place);
    previous = element;
  }
  for (const element of old.values()) element.remove();
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const clockWithSeconds = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

export const timeOf = (iso) => clock.format(new Date(iso));
export const exactTimeOf = (iso) => clockWithSeconds.format(new Date(iso));

/** Write milliseconds as people read them. */
export function duration(milliseconds) {
  const seconds = milliseconds / 1000;
  return `${seconds.toFixed(seconds < 1 ? 2 : seconds < 10 ? 1 : 0)} s`;
}

export const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;
