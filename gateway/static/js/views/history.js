// History: energy by day.

import { h } from '../dom.js'
import { strings } from '../strings.js'

export function show(container, { building, get }) {
  const list = h('ul')
  container.replaceChildren(h('section', { class: 'card' }, h('h1', {}, strings.viewHistory), list))
  get('/analytics/energy', { building_id: building }).then((said) => list.replaceChildren(
    ...said.periods.map((period) => h('li', {}, `${period.start}: ${period.mains?.import_kwh.toFixed(2) ?? '–'} kWh`))), () => {})
}
