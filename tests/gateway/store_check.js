// What test_store.py runs in the page: random seconds into a Store, its sums against those of a plain Map.
async () => {
  const { Store, DAY_S } = await import('/assets/js/store.js')
  const { readColumns, GAP, UNKNOWN, HELD } = await import('/assets/js/chart/columns.js')
  let seed = 7
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647
  const truth = new Map()
  const first = 1_800_000_000
  const wrong = []
  const store = new Store()
  const second = (at_s) => truth.set(at_s, { mains: Math.round(random() * 5000) - 500, oven: Math.round(random() * 900), other: 40, held: random() < 0.1 }).get(at_s)
  const columns = (from, to) => {
    const at = []
    for (let s = from; s < to; s++) if (random() > 0.05) at.push(s)
    const all = at.map(second)
    return [
      { at_ms: at.map((s) => s * 1000), power_w: all.map((one) => one.mains), flags: all.map((one) => (one.held ? 1 : 0)) },
      { at_ms: at.map((s) => s * 1000), appliances: { Oven: all.map((one) => one.oven) }, other_w: all.map((one) => one.other), warmup: all.map(() => false) },
    ]
  }
  const compare = (when) => {
    for (let n = 0; n < 60; n++) {
      const from = store.newest_s - Math.floor(random() * (store.newest_s - store.since_s))
      const to = from + Math.floor(random() * 4000)
      const [i, j] = store.indices(from, to)
      const sum = { mains: 0, oven: 0, count: 0, held: 0, band: 0 }
      for (let s = Math.max(from, store.base_s); s < to; s++) {
        const one = truth.get(s)
        if (!one) continue
        sum.mains += one.mains; sum.oven += one.oven; sum.count++; sum.held += one.held ? 1 : 0; sum.band += one.oven + 10
      }
      const found = { mains: store.mains.sum(i, j), oven: store.power.get('Oven').sum(i, j), count: store.count.mains.sum(i, j), held: store.count.held.sum(i, j), band: store.band && from >= store.band.since_s ? store.band.high.sum(i, j) : sum.band }
      for (const name of Object.keys(sum)) if (Math.abs(sum[name] - found[name]) > 1e-3) wrong.push([when, name, from - first, to - from, sum[name], found[name]])
    }
  }
  store.fill(...columns(first, first + 3600))
  compare('an hour')
  let now = first + 3600
  const live = (seconds) => {
    for (const end = now + seconds; now < end; now++) {
      if (random() < 0.02) continue
      const one = second(now)
      store.add({ at_ms: now * 1000, power_w: one.mains, other_w: one.other, flags: one.held ? 1 : 0, warmup: false, appliances: { Oven: { power_w: one.oven, low_w: 0, high_w: one.oven + 10 } } })
    }
  }
  store.choose('Oven')
  live(500)
  const [, answer] = columns(0, 0)
  const at = [...truth.keys()].filter((s) => s < now).sort()
  store.fillBand(store.band, { at_ms: at.map((s) => s * 1000), low_w: { Oven: at.map(() => 0) }, high_w: { Oven: at.map((s) => truth.get(s).oven + 10) } }, at[0])
  compare('with a band')
  for (let since = first; since > store.base_s; since = store.since_s) store.fill(...columns(Math.max(store.base_s, since - 10800), since), Math.max(store.base_s, since - 10800))
  compare('a day')
  live(5000) // an hour more than there is room for
  compare('after it moved')
  if (store.newest_s - store.base_s > DAY_S + 3600) wrong.push(['room', store.newest_s - store.base_s])
  live(90000)
  compare('a day later')
  const drawn = readColumns(store, ['Oven'], now - 7200, now, 700)
  for (let c = 1; c < drawn.length - 2; c++) {
    let sum = 0, count = 0
    const start = drawn.at_s[c] - (drawn.step_s - 1) / 2
    for (let s = start; s < start + drawn.step_s; s++) if (truth.has(s)) { sum += truth.get(s).mains; count++ }
    if (count && Math.abs(sum / count - drawn.mean[c]) > 0.01) wrong.push(['column', c, sum / count, drawn.mean[c]])
    if (drawn.state[c] & UNKNOWN) wrong.push(['unknown', c])
  }
  now += 600
  live(60)
  const gap = readColumns(store, ['Oven'], now - 1200, now, 1200)
  const gaps = [...gap.state].filter((state) => state & GAP).length
  if (gaps < 595 || gaps > 606) wrong.push(['gap', gaps])
  return wrong
}
