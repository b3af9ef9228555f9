// The log-in: in place of the numbers while the gateway does not know who looks.

import { ask, read } from './feed.js'
import { strings } from './strings.js'

const $ = (id) => document.getElementById(id)
let me = null

export async function knowMe() {
  me = await ask('/api/me')
  $('log-out').hidden = !me.csrf
  $('log-out').textContent = strings.logOut(me.user ?? '')
  return me
}

const ROLES = ['viewer', 'operator', 'admin']

// Whether someone's role is at least this one.
export const may = (who, role) => ROLES.indexOf(who?.role) >= ROLES.indexOf(role)

export function showLogIn(onDone) {
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
    const wrong = await wrongOf(send('/api/login', byToken ? { token: secret.trim() } : { name: $('name').value, password: secret }))
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
    await wrongOf(send('/api/logout', {}))
    location.reload()
  })
}

// Has something changed: POST with what proves that this page asks. Answers and errors as `ask` has them.
export async function send(url, body, options = {}) {
  const headers = { 'Content-Type': 'application/json', ...(me?.csrf ? { 'X-CSRF-Token': me.csrf } : {}) }
  return read(await fetch(url, { method: 'POST', headers, body: body == null ? undefined : JSON.stringify(body), ...options }))
}

// What went wrong, in words; null where nothing did.
async function wrongOf(sent) {
  try {
    await sent
    return null
  } catch (error) {
    return error.status ? error.message : strings.logInFailed
  }
}
