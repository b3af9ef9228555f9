// The box that tells of the second under the pointer.

import { nameOf, strings } from './strings.js'
import { texts } from './strings/live.js'
import { timeOfDay, watts } from './format.js'

const MIN_W = 5 // less is not worth a line

export function showHover(box, point, slots) {
  box.hidden = point == null
  if (point == null) return
  const lines = point.powers.filter(([, power_w]) => power_w >= MIN_W).reverse()
  const title = document.createElement('strong')
  title.textContent = timeOfDay(point.at_s * 1000)
  box.replaceChildren(title, line(texts.total, point.mains_w, null),
    ...lines.map(([name, power_w]) => line(name === 'other' ? strings.other : nameOf(name), power_w, slots.get(name) ?? 'other')))
  box.classList.toggle('left', point.left > 0.5)
}

function line(name, power_w, slot) {
  const row = document.createElement('span')
  const value = document.createElement('b')
  row.textContent = name
  value.textContent = watts(power_w)
  if (slot != null) row.prepend(Object.assign(document.createElement('i'), { className: `series-${slot}` }))
  row.append(value)
  return row
}
