// What comes from the gateway: the first hour at once, then one event a second, over lost connections.

const RETRY_MS = 4000 // after a refusal; over a lost connection the browser itself tries again sooner

// JSON of a path, with a query where one is given. An Error has `status`, and `message` what the gateway says is wrong.
export async function ask(path, query, options = {}) {
  const url = query ? `${path}?${new URLSearchParams(query)}` : path
  return read(await fetch(url, { headers: { Accept: 'application/json' }, ...options }))
}

export async function read(answer) {
  const said = await answer.json().catch(() => null)
  if (answer.ok && said != null) return said
  throw Object.assign(new Error(said?.detail ?? `${answer.url}: ${answer.status}`), { status: answer.status })
}

export const loadBuildings = async () => (await ask('/api/buildings')).buildings

export async function loadHour(building) {
  const query = { building_id: building, last: 3600, layout: 'columns' }
  return Promise.all(['readings', 'predictions'].map((kind) => ask(`/analytics/${kind}`, query)))
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
