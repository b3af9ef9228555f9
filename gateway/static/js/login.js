// The log-in: in place of the numbers while the gateway does not know who looks.

import { getJson } from './feed.js'
import { strings } from './strings.js'

const $ = (id) => document.getElementById(id)
let me = null

export async function knowMe() {
  me = await getJson('/api/me')
  $('log-out').hidden = !me.csrf
  $('log-out').textContent = strings.logOut(me.user ?? '')
  return me
}

// Reloads the page where it may no longer see anything, so that nothing of it stays on the screen.
export async function reloadUnlessKnown() {
  const now = await getJson('/api/me').catch(() => null)
  if (now && !now.role) location.reload()
}

export function showLogIn(onDone) {
  document.body.dataset.state = 'login'
  document.querySelector('#state span').textContent = strings.login
  const byToken = me.log_in_with === 'token'
  $('name-line').hidden = byToken
  $('name').required = !byToken
  if (byToken) $('password-label').textContent = strings.logInToken
  $('no-account').hidden = byToken || me.has_accounts
  $('log-in').hidden = false
  const first = byToken ? $('password') : $('name')
  first.focus()
  $('log-in-form').onsubmit = async (event) => {
    event.preventDefault()
    $('log-in-wrong').textContent = ''
    const secret = $('password').value
    const wrong = await send('/api/login', byToken ? { token: secret.trim() } : { name: $('name').value, password: secret })
    if (wrong) {
      $('log-in-wrong').textContent = wrong
      $('password').select()
      return
    }
    $('password').value = ''
    $('log-in').hidden = true
    onDone()
  }
}

export function installLogOut() {
  $('log-out').addEventListener('click', async () => {
    await send('/api/logout', {})
    location.reload()
  })
}

// What went wrong, in words; null where nothing did.
async function send(url, body) {
  const headers = { 'Content-Type': 'application/json', ...(me?.csrf ? { 'X-CSRF-Token': me.csrf } : {}) }
  try {
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
    return answer.ok ? null : (await answer.json()).detail
  } catch {
    return strings.logInFailed
  }
}
