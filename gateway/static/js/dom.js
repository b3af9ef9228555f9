// Elements in few words. Markup of a view is built with these, so that every text goes through textContent.

// An element: attributes by name (false and null are left out, a function is a listener), then what it holds.
export function h(tag, attributes = {}, ...children) {
  return put(document.createElement(tag), attributes, children)
}

// The same for drawings.
export function svg(tag, attributes = {}, ...children) {
  return put(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children)
}

function put(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.replace(/^on/, ''), value)
    else if (value === true) element.setAttribute(name, '')
    else if (value != null && value !== false) element.setAttribute(name, value)
  }
  element.append(...children.flat().filter((child) => child != null && child !== false))
  return element
}

// Sets a text where it differs: an unchanged one is not read out again, and costs no layout.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}
