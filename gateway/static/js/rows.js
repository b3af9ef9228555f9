// The appliances' list: one row each, built once, then only its numbers change.

import { nameOf, strings } from './strings.js'
import { texts } from './strings/live.js'
import { range, watts } from './format.js'

export class Rows {
  // `onFocus`: this appliance is looked at; `onPin`: it is chosen. Both get null where none is.
  constructor(list, onFocus, onPin) {
    Object.assign(this, { list, onFocus, onPin })
    this.rows = new Map()
    this.pinned = null
    this.accuracy = {} // by appliance: how right its predictions were, where it has a meter of its own
  }

  build(appliances, slots) {
    this.list.replaceChildren()
    this.rows.clear()
    for (const name of appliances) this.add(name, nameOf(name), slots.get(name))
    this.add('other', strings.other, 'other')
    for (const [name, row] of this.rows) row.button.setAttribute('aria-pressed', String(name === this.pinned))
  }

  add(name, title, slot) {
    const item = element('li', 'row', { appliance: name })
    const button = element('button', 'pick')
    button.type = 'button'
    button.setAttribute('aria-pressed', 'false')
    const row = {
      item, button,
      power: element('span', 'power'), state: element('b', 'on-off'), about: element('span'),
      bar: element('i', `bar-fill series-${slot}`),
    }
    const swatch = element('i', `swatch series-${slot}`)
    swatch.setAttribute('aria-hidden', 'true')
    const label = element('span', 'name')
    label.textContent = title
    const track = element('span', 'track')
    track.setAttribute('aria-hidden', 'true')
    track.append(row.bar)
    const line = element('span', 'about')
    line.append(row.state, row.about)
    button.append(swatch, label, row.power, line, track)
    button.addEventListener('click', () => this.pin(this.pinned === name ? null : name))
    button.addEventListener('pointerenter', () => this.onFocus(name))
    button.addEventListener('pointerleave', () => this.onFocus(this.pinned))
    item.append(button)
    this.list.append(item)
    this.rows.set(name, row)
  }

  pin(name) {
    this.pinned = name
    for (const [other, row] of this.rows) row.button.setAttribute('aria-pressed', String(other === name))
    this.onFocus(name)
    this.onPin(name)
  }

  show(event) {
    const total = Math.max(event.power_w, 1)
    for (const [name, row] of this.rows) {
      if (name === 'other') this.showPower(row, event.other_w, total, texts.unexplained)
      else this.showAppliance(row, event.appliances[name], total, event.measured?.[name], this.accuracy[name]?.day)
    }
  }

  showAppliance(row, cell, total, measured, day) {
    row.item.hidden = cell == null
    if (cell == null) return
    row.item.dataset.on = cell.on
    row.item.dataset.pOn = cell.p_on
    row.state.textContent = cell.on ? strings.on : strings.off
    const sure = Math.min(99, Math.round(100 * (cell.on ? cell.p_on : 1 - cell.p_on)))
    const about = [cell.warmup ? texts.warming : texts.chance(sure)]
    if (cell.on && cell.high_w > cell.low_w) about.push(texts.interval(...range(cell.low_w, cell.high_w)))
    if (measured) about.push(texts.measured(watts(measured.measured_w)))
    if (day?.seconds) about.push(texts.accuracy(watts(day.mae_w), day.f1))
    row.item.dataset.measuredW = measured ? measured.measured_w : ''
    row.about.title = texts.chanceTitle
    this.showPower(row, cell.power_w, total, ['', ...about].join(' · '))
  }

  showPower(row, power_w, total, about) {
    row.item.dataset.powerW = power_w
    row.power.textContent = watts(power_w)
    row.about.textContent = about
    row.bar.style.transform = `scaleX(${Math.min(1, Math.max(0, power_w / total)).toFixed(3)})`
  }
}

function element(tag, className = '', data = {}) {
  const made = document.createElement(tag)
  made.className = className
  Object.assign(made.dataset, data)
  return made
}
