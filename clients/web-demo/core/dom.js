// Elements without a template language: h("button", { class: "button", onclick }, "Save").

/** Properties of an element: `class`, `on…` handlers, `data`, `style` (custom properties), booleans, and attributes. */
function put(element, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (name === "class") element.setAttribute("class", [value].flat().filter(Boolean).join(" "));
  else if (name === "data") Object.assign(element.dataset, value);
  else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
  else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "value" || name === "checked" || name === "muted" || name === "srcObject") element[name] = value;
  else element.setAttribute(name, value === true ? "" : value);
}

export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) put(element, name, value);
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Replaces what is inside and leaves focus alone where the focused element stays. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/**
 * A list that keeps the element of a key between draws, so that pictures do not load again and focus stays.
 * `draw(item, before)` gets the element of the last draw or undefined, and answers one.
 */
export function keyedList(container, keyOf, draw) {
  let known = new Map();
  return (items) => {
    const next = new Map();
    for (const item of items) next.set(keyOf(item), draw(item, known.get(keyOf(item))));
    let place = container.firstElementChild;
    for (const element of next.values()) {
      if (element === place) place = place.nextElementSibling;
      else container.insertBefore(element, place);
    }
    for (const element of [...container.children]) if (![...next.values()].includes(element)) element.remove();
    known = next;
  };
}

/** Adds a listener that goes with the page. */
export function listen(target, name, handler, life, options = {}) {
  target.addEventListener(name, handler, { ...options, signal: life });
}
