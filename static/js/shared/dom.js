/** Elements of the page, found and made. */

/**
 * The element with an id, which the page's template must have.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [kind]
 * @returns {T}
 */
export function byId(id, kind) {
  return checked(document.getElementById(id), `#${id}`, kind);
}

/**
 * The first element in another that a selector finds.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {ParentNode} parent
 * @param {string} selector
 * @param {new () => T} [kind]
 * @returns {T}
 */
export function partOf(parent, selector, kind) {
  return checked(parent.querySelector(selector), selector, kind);
}

/**
 * @template {HTMLElement} T
 * @param {Element | null} element
 * @param {string} name
 * @param {new () => T} [kind]
 */
function checked(element, name, kind) {
  if (!(element instanceof (kind ?? HTMLElement))) throw new Error(`The page has no such ${name}.`);
  return /** @type {T} */ (element);
}

/**
 * The nearest element that an event happened in and a selector finds.
 * @param {Event} event
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
export function closest({ target }, selector) {
  return target instanceof Element ? target.closest(selector) : null;
}

/**
 * A new element with a text, and a class and a title where they are not empty.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [text]
 * @param {string} [className]
 * @param {string} [title]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function made(tag, text = "", className = "", title = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  if (title) element.title = title;
  return element;
}
