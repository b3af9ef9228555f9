// System: whether each part answers.

import { h } from '../dom.js'
import { strings } from '../strings.js'

export function show(container) {
  load(container)
}

async function load(container) {
  const list = h('ul')
  container.replaceChildren(h('section', { class: 'card' }, h('h1', {}, strings.viewSystem), list))
  const said = await fetch('/ready').then((answer) => answer.json()).catch(() => ({ checks: {} }))
  list.replaceChildren(...Object.entries(said.checks).map(([name, check]) => h('li', {}, `${name}: ${check.why ?? 'ok'}`)))
}
