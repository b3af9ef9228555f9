// What is to be seen on the chart, in words: only what is there.

import { ESTIMATED, GAP, HELD, NOTHING, UNKNOWN, UNSPLIT, WARMUP } from './chart/columns.js'
import { h } from './dom.js'
import { nameOf } from './strings.js'
import { texts } from './strings/live.js'

const MARKS = [
  [GAP, 'gap', texts.legendGap], [HELD, 'held', texts.legendHeld], [ESTIMATED, 'estimated', texts.legendEstimated],
  [WARMUP, 'warmup', texts.legendWarmup], [UNSPLIT, 'unsplit', texts.legendUnsplit], [UNKNOWN, 'unknown', texts.legendUnknown],
  [NOTHING, 'unknown', texts.legendNothing],
]

export class Legend {
  constructor(list) {
    this.list = list
    this.shown = null
  }

  show(store, columns, loading) {
    if (columns == null) return
    const items = [['line', texts.legendMains], ['series-other', texts.legendOther]]
    if (columns.step_s > 1) items.push(['envelope', texts.legendEnvelope(columns.step_s < 120 ? `${columns.step_s} s` : `${Math.round(columns.step_s / 60)} min`)])
    if (store.band) items.push(['band', texts.legendBand(nameOf(store.band.name))])
    let seen = 0
    for (const state of columns.state) seen |= state
    for (const [kind, name, text] of MARKS) if (seen & kind && (kind !== UNKNOWN || loading)) items.push([name, text])
    items.push([null, texts.zone(Intl.DateTimeFormat().resolvedOptions().timeZone)])
    const key = items.join()
    if (key === this.shown) return
    this.shown = key
    this.list.replaceChildren(...items.map(([name, text]) => h('li', {}, name && h('i', { class: `mark ${name}`, 'aria-hidden': 'true' }), text)))
  }
}
