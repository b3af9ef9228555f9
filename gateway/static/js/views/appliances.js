// Appliances: what each draws now.

import { h } from '../dom.js'
import { watts } from '../format.js'
import { nameOf, strings } from '../strings.js'

export function show(container, { live, signal }) {
  const list = h('ul')
  container.replaceChildren(h('section', { class: 'card' }, h('h1', {}, strings.viewAppliances), list))
  live.watch(() => {
    const cells = Object.entries(live.store.now?.appliances ?? {})
    list.replaceChildren(...cells.map(([name, cell]) => h('li', {}, `${nameOf(name)}: ${watts(cell.power_w)}`)))
  }, signal)
}
