// System: how the box is, what it lacks, and the end of its logs.

import { diagnoses } from '../diagnosis.js'
import { h, setText } from '../dom.js'
import { moment, watts } from '../format.js'
import { showGaps } from '../gaps.js'
import { showLog } from '../log.js'
import { nameOf, strings } from '../strings.js'
import { texts } from '../strings/system.js'

export function show(container, context) {
  const { live, box, signal } = context
  const at = {
    version: h('p', { class: 'note' }), state: h('div'), services: h('ul', { class: 'parts' }), data: h('div', { class: 'data' }),
    models: h('div', { class: 'models' }), gaps: card('gaps', texts.gaps), log: card('log', texts.log),
  }
  at.gaps.hidden = context.building == null
  at.log.hidden = true
  container.replaceChildren(h('div', { class: 'system' },
    h('div', { class: 'top' }, h('h1', {}, strings.viewSystem), at.version),
    card('state', texts.state, at.state), card('services', texts.services, at.services),
    h('div', { class: 'beside' }, card('data', texts.data, at.data), at.gaps), card('models', texts.models, at.models), at.log))
  let log = false
  box.soon() // who comes here wants to know how it is now
  box.watch(() => {
    const system = box.known
    const found = diagnoses({ vitals: live.vitals.state, system, building: context.building })
    at.state.replaceChildren(...state(found, system))
    if (!system) return setText(at.version, texts.unknown)
    setText(at.version, texts.version(system.version))
    at.services.replaceChildren(...system.services.map(service))
    at.data.replaceChildren(...figures(system))
    at.models.replaceChildren(...(system.models.length ? system.models.map(model) : [h('p', {}, texts.noModel)]))
    if (system.may.log && !log) {
      log = true
      showLog(at.log, context)
    }
    at.log.hidden = !system.may.log
  }, signal)
  if (context.building != null) showGaps(at.gaps, context)
}

function card(id, title, ...inside) {
  return h('section', { class: `card for-${id}`, 'aria-labelledby': `${id}-title` }, h('h2', { id: `${id}-title` }, title), ...inside)
}

function state(found, system) {
  if (found.length === 0) return [h('p', { class: system ? 'well' : '' }, system ? texts.well : texts.unknown)]
  return [h('ul', { class: 'wrong-list' }, ...found.map(({ id, severity, text, todo }) => h('li', { class: severity, 'data-id': id },
    h('b', {}, texts.severities[severity]), h('span', {}, h('span', { class: 'what' }, text), ' ', h('span', { class: 'todo' }, todo)))))]
}

function service({ name, kind, up, since_ms, heard_ms, lag_s, said, why }) {
  const words = { server: [texts.upServer, texts.downServer], timer: [texts.upTimer, texts.downTimer] }[kind] ?? [texts.up, texts.down]
  const about = [
    kind === 'timer' ? heard_ms && texts.ran(moment(heard_ms)) : up && since_ms && texts.since(moment(since_ms)),
    up === false && kind === 'service' && heard_ms && texts.heard(moment(heard_ms)),
    up && lag_s != null && texts.lag(lag_s),
  ].filter(Boolean)
  return h('li', { 'data-service': name, 'data-up': String(up) },
    h('i', { 'aria-hidden': 'true' }), h('b', {}, kind === 'service' ? `nilm-${name}` : name), ' ',
    h('span', { class: 'is' }, up == null ? texts.nobodyKnows : words[up ? 0 : 1]), ' ',
    h('span', { class: 'what' }, [texts.service[name], ...about].join(' · ')), ' ',
    h('span', { class: 'said' }, why ?? said ?? ''))
}

function figures({ buildings, storage, sync }) {
  const many = Object.keys(buildings).length > 1
  return [
    ...Object.entries(buildings).map(([name, building]) => h('dl', { 'data-building': name },
      many && h('div', { class: 'whose' }, h('dt', {}, strings.building), h('dd', {}, name)), ...ofBuilding(building))),
    h('dl', {}, ...ofStorage(storage), ...(sync ? ofSync(sync) : [])),
  ]
}

// A term, what it is, a remark, and where there is a part to show, a bar.
function figure(term, value, remark = '', share = null, tone = '') {
  return h('div', {}, h('dt', {}, term), h('dd', {}, h('b', {}, value), remark && h('span', { class: 'note' }, ` ${remark}`),
    share != null && h('span', { class: `share ${tone}`, 'aria-hidden': 'true' }, bar(share))))
}

function bar(share) {
  const filled = h('i')
  filled.style.width = `${Math.min(100, Math.max(0, 100 * share)).toFixed(1)}%`
  return filled
}

function ofBuilding(building) {
  if (building == null) return [figure(texts.window, texts.nobodyKnows)]
  const { window_length, window_full, missing_s, newest_age_s, outbox_length } = building
  return [
    figure(texts.window, texts.windowOf(window_length, window_full), missing_s ? texts.windowMissing(missing_s) : texts.windowWhole, window_length / window_full),
    figure(texts.newest, newest_age_s == null ? texts.never : texts.ago(newest_age_s)),
    figure(texts.outbox, texts.outboxOf(outbox_length)),
  ]
}

function ofStorage({ disk_free_mb, disk_size_mb, reserve_mb, rejected_batches, spool_mb, spool_max_mb, why }) {
  const low = disk_free_mb < 2 * reserve_mb
  return [
    why ? figure(texts.disk, why) : figure(texts.disk, texts.diskOf(disk_free_mb, disk_size_mb), texts.reserve(reserve_mb), 1 - disk_free_mb / disk_size_mb, low ? 'low' : ''),
    figure(texts.spool, spool_mb == null ? texts.nobodyKnows : texts.spoolOf(spool_mb, spool_max_mb), '', spool_mb == null ? null : spool_mb / spool_max_mb),
    figure(texts.rejected, rejected_batches == null ? texts.nobodyKnows : texts.rejectedOf(rejected_batches)),
  ]
}

const ofSync = ({ lag_s, backlog_s }) => [figure(texts.sync, texts.syncLag(lag_s), lag_s == null ? '' : texts.syncBacklog(backlog_s))]

function model({ id, version, state, reason, metrics }) {
  const rows = metrics.appliances ?? []
  return h('div', { class: 'model', 'data-model': id },
    h('p', {}, h('b', {}, `${id} ${version}`), ' ', h('span', { class: `is ${state}` }, state === 'ok' ? texts.modelOk : texts.modelOff),
      reason && h('span', { class: 'said' }, ` ${reason}`)),
    state === 'ok' && h('p', { class: 'note' }, metrics.data ? texts.measuredOn(metrics.data, metrics.macro_f1) : texts.noMetrics),
    rows.length > 0 && h('div', { class: 'wide', tabindex: 0, role: 'group', 'aria-label': `${id} ${version}` }, h('table', {},
      h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, texts.appliance), h('th', { scope: 'col', title: texts.f1Title }, texts.f1),
        h('th', { scope: 'col' }, texts.mae), h('th', { scope: 'col', title: texts.zeroTitle }, texts.zero))),
      h('tbody', {}, ...rows.map((row) => h('tr', {}, h('th', { scope: 'row' }, nameOf(row.appliance)), h('td', {}, row.f1?.toFixed(2) ?? '–'),
        h('td', {}, watts(row.mae_w)), h('td', {}, watts(row.always_zero_mae_w))))))))
}
