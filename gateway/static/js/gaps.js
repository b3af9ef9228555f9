// Gaps and the backfill: what the days lack, and the wish to have it made up for.

import { h, setText } from './dom.js'
import { dayOf, moment } from './format.js'
import { duration } from './strings.js'
import { texts } from './strings/system.js'

const LOOK_MS = 60000
const AT_WORK_MS = 3000
const SHOWN = 8
const DAYS = [1, 7, 31]

export function showGaps(card, { building, box, get, post, signal }) {
  const said = h('p', {}, texts.gapsLoading)
  const tables = h('div')
  const progress = h('p', { class: 'progress', role: 'status' })
  const days = h('select', {}, ...DAYS.map((n) => h('option', { value: n, selected: n === 7 }, texts.days(n))))
  const button = h('button', { type: 'button', class: 'quiet', onclick: ask }, texts.backfill)
  const asking = h('p', { class: 'asking', hidden: true }, h('label', {}, texts.backfillDays, ' ', days), ' ', button)
  card.append(said, tables, asking, progress)
  let timer = null
  let before = null
  signal.addEventListener('abort', () => clearTimeout(timer))
  look()
  box.watch(() => {
    const system = box.known
    if (!system) return
    asking.hidden = !system.may.backfill
    const { state } = system.backfill
    button.disabled = ['queued', 'running'].includes(state)
    setText(progress, inWords(system.backfill))
    if (button.disabled) setTimeout(() => signal.aborted || box.look(), AT_WORK_MS)
    else if (['queued', 'running'].includes(before)) look()
    before = state
  }, signal)

  async function look() {
    clearTimeout(timer)
    try {
      const found = await get('/gaps/summary', { building_id: building, days_back: 7 })
      fill(found.buildings[building])
    } catch (error) {
      if (signal.aborted) return
      setText(said, texts.gapsFailed(error.message))
      tables.replaceChildren()
    }
    timer = setTimeout(() => (document.hidden ? null : look()), LOOK_MS)
  }

  async function ask() {
    button.disabled = true
    try {
      await post('/gaps/backfill', { days_back: days.value })
      setText(progress, texts.backfillAsked)
    } catch (error) {
      setText(progress, error.message)
    }
    box.look()
  }

  function fill(found) {
    const share = found.seconds ? Math.floor(10000 * found.stored / found.seconds) / 100 : 100
    setText(said, found.missing ? texts.gapsSaid(share, duration(found.missing)) : texts.noGaps)
    const longest = [...found.gaps].sort((a, b) => b.seconds - a.seconds).slice(0, SHOWN)
    const left = found.gaps.length - longest.length + found.gaps_left_out
    tables.replaceChildren(
      h('div', { class: 'wide', tabindex: 0, role: 'group', 'aria-label': texts.gaps }, h('table', {},
        h('thead', {}, h('tr', {}, ...[texts.day, texts.missing, texts.held, texts.estimated, texts.unpredicted].map((text) => h('th', { scope: 'col' }, text)))),
        h('tbody', {}, ...[...found.days].reverse().map((day) => h('tr', { class: day.missing ? 'some' : '' }, h('th', { scope: 'row' }, dayOf(day.date)),
          ...[day.missing, day.held, day.estimated, day.without_prediction].map((s) => h('td', {}, s ? duration(s) : '–'))))))),
      ...(longest.length ? [h('h3', {}, texts.longest), h('ul', { class: 'longest' }, ...longest.map((gap) => h('li', {},
        h('b', {}, duration(gap.seconds)), ` ${moment(Date.parse(gap.start))} · ${texts.reasons[gap.reason] ?? gap.reason}`)),
      left > 0 && h('li', { class: 'note' }, texts.more(left)))] : []))
  }
}

function inWords({ state, at, why, buildings, predicted_s, left }) {
  const stored = Object.values(buildings ?? {}).reduce((sum, one) => sum + one.stored, 0)
  const result = state === 'done' && buildings ? texts.backfillResult(stored, predicted_s ?? 0) : ''
  return [[texts.progress[state], at, why, result].filter(Boolean).join(': '), ...(state === 'done' ? left ?? [] : [])].filter(Boolean).join('. ')
}
