// The typical week: a field for each hour of it, the fuller the more power.

import { h, setText } from '../dom.js'
import { watts } from '../format.js'
import { texts } from '../strings/history.js'

export function drawHeatmap(box, readout, answer) {
  const all = answer.mean_w.flat().filter((watt) => watt != null)
  const most = Math.max(1, ...all)
  const cells = answer.mean_w.map((day, d) => day.map((watt, hour) => {
    const text = texts.heatmapCell(texts.weekdays[d], hour, watt == null ? texts.unknown : watts(watt))
    const fill = h('i', { 'aria-hidden': 'true' })
    fill.style.opacity = watt == null ? 0 : Math.max(0, watt / most).toFixed(3)
    return h('td', { title: text, class: watt == null ? 'unknown' : null }, fill, h('span', { class: 'spoken' }, watt == null ? texts.unknown : watts(watt)))
  }))
  const hours = Array.from({ length: 24 }, (_, hour) => h('th', { scope: 'col' }, hour % 6 ? h('span', { class: 'spoken' }, hour) : hour))
  const table = h('table', { class: 'heat', tabindex: 0, 'aria-label': texts.heatmap },
    h('thead', {}, h('tr', {}, h('td'), ...hours)),
    h('tbody', {}, ...cells.map((row, d) => h('tr', {}, h('th', { scope: 'row' }, texts.weekdays[d]), ...row))))
  let [day, hour] = [0, 0]
  const point = (to_day, to_hour) => {
    cells[day][hour].classList.remove('here')
    ;[day, hour] = [(to_day + 7) % 7, (to_hour + 24) % 24]
    cells[day][hour].classList.add('here')
    setText(readout, cells[day][hour].title)
  }
  table.addEventListener('pointerover', (event) => {
    const cell = event.target.closest('tbody td')
    if (cell) point(cell.parentNode.rowIndex - 1, cell.cellIndex - 1)
  })
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }
  table.addEventListener('keydown', (event) => {
    if (!steps[event.key]) return
    event.preventDefault()
    point(day + steps[event.key][0], hour + steps[event.key][1])
  })
  box.replaceChildren(table)
  setText(readout, `${texts.heatmapHint} ${texts.heatmapScale(watts(most))}`)
}
