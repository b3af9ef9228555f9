// How fresh the numbers are, by the gateway's clock: this machine's may be wrong, and a page may sleep.

export const FRESH_S = 5

export class Vitals {
  constructor() {
    this.connected = false
    this.redisUp = true
    this.offset_ms = null // the gateway's clock less our steady one
    this.sample_ms = null // newest mains sample
    this.power_w = null
    this.second_ms = null // newest second with predictions
    this.failed = false // the last request, before anything is known
  }

  onConnection(connected) {
    this.connected = connected
  }

  // A request failed: 503 is Redis or its like, none at all is the gateway or the way there.
  onFailure(status) {
    this.connected = status != null
    this.redisUp = status == null || status < 500
    this.failed = true
    this.partial = status === 403
  }

  onStatus(status) {
    this.failed = false
    this.redisUp = status.redis === 'up'
    this.offset_ms = status.now_ms - performance.now()
    this.power_w = status.power_w ?? null // the meter's newest, for while nothing splits it
    this.onSample(status.newest_ms)
  }

  onSample(at_ms) {
    if (at_ms != null && !(at_ms <= this.sample_ms)) this.sample_ms = at_ms
  }

  onSecond(at_ms) {
    this.redisUp = true
    this.second_ms = at_ms
    this.onSample(at_ms)
  }

  age_s(at_ms) {
    return this.offset_ms == null || at_ms == null ? null : (performance.now() + this.offset_ms - at_ms) / 1000
  }

  // One of: partial, starting, lost, redis, waiting, stale, unsplit, live; with the age that it speaks of.
  get state() {
    const sample_s = this.age_s(this.sample_ms)
    const second_s = this.age_s(this.second_ms)
    if (this.partial) return { name: 'partial', age_s: null }
    if (!this.connected) return { name: this.offset_ms == null && !this.failed ? 'starting' : 'lost', age_s: sample_s }
    if (!this.redisUp) return { name: 'redis', age_s: sample_s }
    if (this.offset_ms == null) return { name: 'starting', age_s: null }
    if (sample_s == null) return { name: 'waiting', age_s: null }
    if (sample_s > FRESH_S) return { name: 'stale', age_s: sample_s }
    if (second_s == null || second_s > FRESH_S) return { name: 'unsplit', age_s: second_s ?? sample_s }
    return { name: 'live', age_s: sample_s }
  }
}
