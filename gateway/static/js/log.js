// The end of the logs, for admins.

import { h, setText } from './dom.js'
import { logTime } from './format.js'
import { texts } from './strings/system.js'

const FOLLOW_MS = 4000
const LINES = 300
const LOUD = ['warning', 'error']

export function showLog(card, { get, signal }) {
  const service = h('select', { onchange: look }, h('option', { value: '' }, texts.logAll))
  const level = h('select', { onchange: () => fill() }, h('option', { value: '' }, texts.logEvery), h('option', { value: 'loud' }, texts.logWarnings))
  const follow = h('input', { type: 'checkbox', onchange: () => follow.checked && look() })
  const lines = h('ol', { class: 'lines', tabindex: 0, 'aria-label': texts.logLines })
  const said = h('p', { class: 'note', role: 'status' })
  card.append(h('p', { class: 'bar-of-log' }, h('label', {}, texts.logOf, ' ', service), ' ', h('label', {}, texts.logLevel, ' ', level), ' ',
    h('label', {}, follow, ' ', texts.logFollow)), said, lines)
  let found = []
  let timer = null
  signal.addEventListener('abort', () => clearTimeout(timer))
  look()

  async function look() {
    clearTimeout(timer)
    const wanted = service.value
    try {
      const answer = await get('/admin/log', { lines: LINES, ...(wanted ? { service: wanted } : {}) })
      if (wanted !== service.value) return
      if (service.length === 1) service.append(...answer.services.map((name) => h('option', { value: name }, name)))
      found = answer.lines
      setText(said, answer.source === 'files' ? texts.logFiles : texts.logJournal)
      fill()
    } catch (error) {
      if (signal.aborted) return
      setText(said, error.message)
    }
    timer = setTimeout(() => follow.checked && !document.hidden ? look() : wait(), FOLLOW_MS)
  }

  function wait() {
    clearTimeout(timer)
    timer = setTimeout(() => (follow.checked && !document.hidden ? look() : wait()), FOLLOW_MS)
  }

  function fill() {
    const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 30
    const shown = level.value ? found.filter((line) => LOUD.includes(line.level)) : found
    lines.replaceChildren(...(shown.length ? shown.map(row) : [h('li', { class: 'note' }, texts.logEmpty)]))
    if (atEnd) lines.scrollTop = lines.scrollHeight
  }
}

function row({ at_ms, service, level, message }) {
  return h('li', { class: level }, h('time', {}, at_ms == null ? '' : logTime(at_ms)), ' ', h('b', {}, service), ' ',
    LOUD.includes(level) && h('span', { class: 'level' }, level), ' ', h('span', { class: 'message' }, message))
}
