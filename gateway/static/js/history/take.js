// What can be taken along: the numbers shown as CSV, or the stored rows of the period by /export.

import { h } from '../dom.js'
import { texts } from '../strings/history.js'

const MOST_DAYS = { '1s': 31, '1m': 366, '15m': 3660, '1h': 3660 }

export function takeAlong(building, { period, answer, sums }, mayExport) {
  const rows = [['start', 'end', 'appliance', 'kwh', 'cost', 'on_s', 'export_kwh', 'seconds']]
  for (const bar of sums.bars) {
    rows.push([bar.start, bar.end, 'mains', bar.import_kwh, bar.cost, null, bar.export_kwh, bar.seconds])
    for (const [name, part] of bar.appliances) rows.push([bar.start, bar.end, name, part.kwh, part.cost, part.on_s, null, null])
  }
  const csv = rows.map((row) => row.map(cell).join(',')).join('\r\n')
  const shown = h('button', { type: 'button', class: 'quiet', onclick: () => save(csv, `${building}-${period.kind}-${period.start}.csv`) }, texts.exportShown)
  if (!mayExport) return [shown, h('p', { class: 'note' }, texts.exportNotHere)]
  const days = (Date.parse(period.end) - Date.parse(period.start)) / 86_400_000
  const choose = (name, options) => h('label', {}, h('span', {}, name), h('select', { onchange: () => point() }, ...options.map(([value, text]) => h('option', { value }, text))))
  const table = choose(texts.exportTable, [['mains', texts.exportMains], ['appliance', texts.exportAppliances]])
  const step = choose(texts.exportStep, Object.entries(texts.exportSteps).filter(([value]) => days <= MOST_DAYS[value]).reverse())
  const format = choose(texts.exportFormat, [['csv', 'CSV'], ['parquet', 'Parquet']])
  const link = h('a', { class: 'quiet button', download: '' }, texts.download)
  const valueOf = (label) => label.querySelector('select').value
  const point = () => {
    const query = { building_id: building, start: sums.bars[0].start_time, end: answer.end_time, table: valueOf(table), resolution: valueOf(step), format: valueOf(format) }
    link.href = `/export?${new URLSearchParams(query)}`
  }
  point()
  return [shown, h('div', { class: 'rows', role: 'group', 'aria-label': texts.exportRows }, h('p', { class: 'note' }, texts.exportRows), table, step, format, link)]
}

const cell = (value) => (value == null ? '' : /[",\r\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value))

function save(text, name) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv' }))
  h('a', { href: url, download: name }).click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
