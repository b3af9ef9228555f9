// What comes from the gateway: the first hour at once, then one event a second, over lost connections.

const RETRY_MS = 4000 // after a refusal; over a lost connection the browser itself tries again sooner

export async function getJson(url) {
  const answer = await fetch(url, { headers: { Accept: 'application/json' } })
  if (!answer.ok) throw Object.assign(new Error(`${url}: ${answer.status}`), { status: answer.status })
  return answer.json()
}

export const loadBuildings = async () => (await getJson('/api/buildings')).buildings

export async function loadHour(building) {
  const query = new URLSearchParams({ building_id: building, last: 3600, layout: 'columns' })
  const both = ['readings', 'predictions'].map((kind) => getJson(`/analytics/${kind}?${query}`))
  return Promise.all(both)
}

// How right predictions were of appliances that have a meter of their own; none where it cannot be asked.
export async function loadAccuracy(building) {
  return (await getJson(`/analytics/accuracy?${new URLSearchParams({ building_id: building })}`)).appliances
}

// Follows a building. The browser reconnects by itself and names the last event it has; where it gives up, we do.
export class Feed {
  constructor(building, newestMs, { onSecond, onStatus, onConnection, onRefused }) {
    Object.assign(this, { building, newestMs, onSecond, onStatus, onConnection, onRefused })
    this.open()
  }

  open() {
    const query = new URLSearchParams({ building_id: this.building })
    const after = this.newestMs()
    if (after != null) query.set('after_ms', after)
    this.source = new EventSource(`/api/stream?${query}`)
    this.source.onopen = () => this.onConnection(true)
    this.source.onmessage = (message) => this.onSecond(JSON.parse(message.data))
    this.source.addEventListener('status', (message) => this.onStatus(JSON.parse(message.data)))
    this.source.onerror = () => {
      this.onConnection(false)
      if (this.source.readyState !== EventSource.CLOSED) return
      this.timer = setTimeout(() => this.open(), RETRY_MS)
      this.onRefused()
    }
  }

  close() {
    clearTimeout(this.timer)
    this.source.close()
  }
}
