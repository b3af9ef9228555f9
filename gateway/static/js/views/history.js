// History: what was used in a day, week, month or year, beside the period before; the typical week; all of it to take along.

import { h, setText, svg } from '../dom.js'
import { duration, nameOf, strings } from '../strings.js'
import { kilowattHours as kwh, money } from '../format.js'
import { drawBars } from '../history/bars.js'
import { drawHeatmap } from '../history/heatmap.js'
import { KINDS, STEP, addDays, after, before, isDate, nameOfPeriod, periodOf } from '../history/periods.js'
import { change, sumsOf } from '../history/sums.js'
import { takeAlong } from '../history/take.js'
import { slotsOf } from '../palette.js'
import { address } from '../router.js'
import { texts } from '../strings/history.js'

const WAIT_MS = 150 // who steps back quickly asks for the last one alone
const KEEP_MS = 60_000
const AGAIN_MS = 300_000 // a period that still runs is read again
const HEATMAP_DAYS = 56

export function show(container, context) {
  const view = new HistoryView(container, context)
  return { moved: (to) => view.turn(to.params) }
}

class HistoryView {
  constructor(container, { building, get, live, me, params, signal }) {
    Object.assign(this, { building, get, live, me, answers: new Map(), heatmapOf: '', turns: 0 })
    this.build(container)
    const redraw = () => this.shown && this.draw()
    const resized = new ResizeObserver(redraw)
    resized.observe(this.at.bars)
    signal.addEventListener('abort', () => { resized.disconnect(); clearTimeout(this.timer); this.turns++ })
    live.watch(() => this.shown?.sums.running && performance.now() - this.read_ms > AGAIN_MS && this.load(), signal)
    this.turn(params, 0)
  }

  build(container) {
    const icon = (path) => svg('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true' }, svg('path', { d: path }))
    const step = (id, label, path) => h('a', { id, role: 'link', class: 'quiet icon', title: label, 'aria-label': label }, icon(path))
    const at = this.at = {
      kinds: h('div', { class: 'segments', role: 'group', 'aria-label': texts.kinds }, ...KINDS.map((kind) => h('a', { 'data-kind': kind }, texts[kind]))),
      previous: step('previous', texts.previous, 'M15 5l-7 7 7 7'), next: step('next', texts.next, 'M9 5l7 7-7 7'),
      today: h('a', { id: 'today', class: 'quiet button' }, texts.today), period: h('h2', { id: 'period', 'aria-live': 'polite' }),
      figures: h('div', { class: 'figures' }), note: h('p', { class: 'note', id: 'known' }),
      bars: h('div', { id: 'bars', class: 'bars' }), info: h('div', { class: 'hover', hidden: true }), legend: h('p', { class: 'note legend' }),
      parts: h('table', { id: 'parts' }), wrong: h('p', { class: 'wrong', role: 'alert', hidden: true }),
      series: h('select', { id: 'series', onchange: (event) => { this.heatmapOf = event.target.value; this.loadHeatmap() } }),
      heat: h('div', { id: 'heatmap' }), heatSpan: h('p', { class: 'note' }), heatReadout: h('p', { class: 'note', 'aria-live': 'polite' }),
      reading: h('p', { class: 'note reading', role: 'status' }), take: h('div', { class: 'take' }), zone: h('p', { class: 'note', id: 'zone' }),
    }
    at.body = h('div', { class: 'body', hidden: true },
      h('section', { class: 'card energy', 'aria-labelledby': 'period' }, at.figures, h('div', { class: 'plot' }, at.bars, at.info), at.legend, at.note),
      h('section', { class: 'card parts', 'aria-labelledby': 'parts-title' }, h('h2', { id: 'parts-title' }, texts.appliances), at.parts),
      h('section', { class: 'card typical', 'aria-labelledby': 'heatmap-title' },
        h('div', { class: 'bar' }, h('h2', { id: 'heatmap-title' }, texts.heatmap), h('label', { class: 'chooser' }, texts.heatmapOf, ' ', at.series)),
        at.heat, at.heatReadout, at.heatSpan),
      h('section', { class: 'card taken', 'aria-labelledby': 'take-title' }, h('h2', { id: 'take-title' }, texts.export), at.take, at.zone))
    container.replaceChildren(h('h1', { class: 'spoken' }, texts.title),
      h('div', { class: 'steps' }, at.kinds, h('div', { class: 'step' }, at.previous, at.period, at.next, at.today)), at.wrong, at.reading, at.body)
  }

  // Another address: another period, or one of another length.
  turn(params, wait_ms = WAIT_MS) {
    this.kind = KINDS.includes(params.get('step')) ? params.get('step') : 'week'
    this.date = isDate(params.get('date')) ? params.get('date') : null
    this.head()
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.load(), wait_ms)
  }

  head() {
    const { at, kind } = this
    const today = this.today ?? new Date().toLocaleDateString('sv') // the browser's, until the building's is known
    const period = this.period = periodOf(kind, this.date ?? today)
    const link = (of, step = kind) => address('history', [], { step, date: of })
    for (const one of at.kinds.children) {
      one.href = link(this.date, one.dataset.kind)
      if (one.dataset.kind === kind) one.setAttribute('aria-current', 'true')
      else one.removeAttribute('aria-current')
    }
    setText(at.period, nameOfPeriod(period))
    at.previous.href = link(before(period).start)
    const isLast = period.end > today
    if (isLast) at.next.removeAttribute('href')
    else at.next.href = link(after(period).start)
    at.next.setAttribute('aria-disabled', String(isLast))
    at.today.href = link(null)
    at.today.hidden = isLast
  }

  async load() {
    const turn = ++this.turns
    const period = this.period
    const earlier = before(period)
    this.at.body.setAttribute('aria-busy', 'true')
    if (!this.shown) setText(this.at.reading, texts.loading)
    try {
      const answer = await this.energy({ building_id: this.building, start: earlier.start, end: period.end, step: STEP[period.kind] })
      if (turn !== this.turns) return
      const known = this.today
      this.today = answer.today
      if (known !== answer.today) {
        this.head()
        if (this.period.start !== period.start) return this.load() // it is another day in the building than here
      }
      const now = period.kind === 'day' ? performance.now() + (this.live.vitals.offset_ms ?? performance.timeOrigin) : answer.today
      this.shown = { period, earlier, answer, sums: sumsOf(answer, period, earlier, now) }
      this.read_ms = performance.now()
      this.at.wrong.hidden = true
      setText(this.at.reading, '')
      this.at.body.hidden = false
      this.draw()
      await this.loadHeatmap()
    } catch (error) {
      if (turn !== this.turns || error.status === 401) return
      setText(this.at.reading, '')
      this.at.wrong.hidden = false
      this.at.wrong.replaceChildren(texts.failed(error.status ? error.message : strings.logInFailed), ' ', h('button', { type: 'button', class: 'quiet', onclick: () => this.load() }, texts.again))
    } finally {
      if (turn === this.turns) this.at.body.setAttribute('aria-busy', 'false')
    }
  }

  // An answer, also the one of a moment ago.
  async ask(path, query) {
    const key = `${path}?${new URLSearchParams(query)}`
    const had = this.answers.get(key)
    if (had && performance.now() - had.at_ms < KEEP_MS) return had.answer
    const answer = await this.get(path, query)
    this.answers.set(key, { answer, at_ms: performance.now() })
    return answer
  }

  energy(query) {
    return this.ask('/analytics/energy', query)
  }

  draw() {
    const { period, answer, sums } = this.shown
    const { at } = this
    const slots = slotsOf(sums.total.appliances.size ? [...sums.total.appliances.keys()].filter((name) => name !== 'other') : [])
    const compared = sums.running ? texts.byThen(texts.compare[period.kind]) : texts.compare[period.kind]
    const figure = (label, value, ...more) => h('p', {}, h('span', {}, label), h('b', {}, value), ...more)
    const known = sums.total.seconds > 0
    const percent = known && sums.byThen.seconds ? change(sums.soFar.import_kwh, sums.byThen.import_kwh) : null
    const words = percent == null ? (!known || sums.byThen.seconds ? '' : texts.nothingBefore(texts.compare[period.kind]))
      : percent === 0 ? texts.same(compared) : percent > 0 ? texts.more(percent, compared) : texts.less(-percent, compared)
    at.figures.replaceChildren(
      figure(texts.used, known ? kwh(sums.total.import_kwh) : '–', h('small', {}, words)),
      sums.total.cost == null || !known ? '' : figure(texts.cost, money(sums.total.cost, answer.currency)),
      sums.total.export_kwh > 0.005 ? figure(texts.fed, kwh(sums.total.export_kwh)) : '')
    drawBars(at.bars, at.info, { period, sums, slots, currency: answer.currency })
    at.legend.replaceChildren(
      sums.before.seconds ? h('span', {}, h('i', { class: 'mark before', 'aria-hidden': 'true' }), texts.legendBefore(texts.compare[period.kind])) : '',
      sums.total.export_kwh > 0.005 ? h('span', {}, h('i', { class: 'mark fed', 'aria-hidden': 'true' }), texts.legendFed) : '',
      texts.barsHint[period.kind])
    setText(at.note, noteOf(sums))
    at.parts.replaceChildren(...(known ? partsOf(sums, slots, answer.currency) : []))
    this.chooseSeries(sums)
    at.take.replaceChildren(...takeAlong(this.building, this.shown, answer.total.mains != null && !this.me?.dashboard_only))
    setText(at.zone, `${answer.timezone ? texts.zone(answer.timezone) : texts.zoneOfBox}${sums.total.cost == null ? ` ${texts.noTariff}` : ''}`)
  }

  chooseSeries(sums) {
    const whole = this.shown.answer.total.mains != null
    const names = [...sums.total.appliances.keys()].filter((name) => whole || name !== 'other')
    const options = [...(whole ? [['', texts.meter]] : []), ...names.map((name) => [name, name === 'other' ? strings.other : nameOf(name)])]
    if (!options.some(([value]) => value === this.heatmapOf)) this.heatmapOf = options[0]?.[0] ?? ''
    const key = options.join()
    if (this.at.series.dataset.shown === key) return
    this.at.series.dataset.shown = key
    this.at.series.replaceChildren(...options.map(([value, text]) => new Option(text, value)))
    this.at.series.value = this.heatmapOf
  }

  async loadHeatmap() {
    const { period } = this.shown
    const tomorrow = addDays(this.today, 1)
    const end = period.end < tomorrow ? period.end : tomorrow
    const start = period.kind === 'year' ? period.start : addDays(end, -HEATMAP_DAYS)
    if (start >= end) return this.at.heat.replaceChildren()
    const of = this.heatmapOf
    const turn = this.turns
    const answer = await this.ask('/analytics/heatmap', { building_id: this.building, start, end, ...(of ? { appliance_id: of } : {}) }).catch((error) => {
      if (error.status === 404 || error.status === 403) return null // nothing of it at that time
      throw error
    })
    if (turn !== this.turns || of !== this.heatmapOf) return
    if (answer == null) {
      this.at.heat.replaceChildren()
      return setText(this.at.heatReadout, texts.nothing)
    }
    drawHeatmap(this.at.heat, this.at.heatReadout, answer)
    setText(this.at.heatSpan, texts.heatmapSpan(nameOfPeriod(periodOf('day', start)), nameOfPeriod(periodOf('day', addDays(end, -1)))))
  }
}

// How much of the time since there is anything is known, where that is not all of it.
function noteOf(sums) {
  if (!sums.total.seconds) return texts.nothing
  const first = sums.before.seconds ? 0 : sums.bars.findIndex((bar) => bar.seconds) + 1 // in that one it began
  const over = sums.bars.slice(first, sums.done)
  const expected = over.reduce((sum, bar) => sum + (Date.parse(bar.end) - Date.parse(bar.start)) / 1000, 0)
  const known = over.reduce((sum, bar) => sum + bar.seconds, 0)
  return expected && known / expected < 0.995 ? texts.known(Math.floor((known / expected) * 100)) : ''
}

function partsOf(sums, slots, currency) {
  const parts = [...sums.total.appliances].sort((a, b) => b[1].kwh - a[1].kwh)
  const most = Math.max(0.001, ...parts.map(([, part]) => part.kwh))
  const priced = sums.total.cost != null || parts.some(([, part]) => part.cost != null)
  const head = [texts.appliance, texts.energy, ...(priced ? [texts.cost] : []), texts.change]
  return [
    h('thead', {}, h('tr', {}, ...head.map((text) => h('th', { scope: 'col' }, text)), h('th', { scope: 'col', class: 'on' }, texts.onFor))),
    h('tbody', {}, ...parts.map(([name, part]) => {
      const percent = change(sums.soFar.appliances.get(name)?.kwh ?? 0, sums.byThen.appliances.get(name)?.kwh ?? 0)
      const share = h('i', { class: `share series-${slots.get(name) ?? 'other'}`, 'aria-hidden': 'true' })
      share.style.width = `${((part.kwh / most) * 100).toFixed(1)}%`
      const title = name === 'other' ? strings.other : h('a', { href: address('appliances', [name]) }, nameOf(name))
      return h('tr', { 'data-appliance': name },
        h('th', { scope: 'row' }, h('i', { class: `swatch series-${slots.get(name) ?? 'other'}`, 'aria-hidden': 'true' }), title, share),
        h('td', {}, kwh(part.kwh)), priced ? h('td', {}, part.cost == null ? '–' : money(part.cost, currency)) : null,
        h('td', {}, percent == null ? '–' : `${percent > 0 ? '+' : percent < 0 ? '−' : ''}${Math.abs(percent)} %`),
        h('td', { class: 'on' }, part.on_s == null ? '–' : duration(part.on_s)))
    })),
  ]
}
