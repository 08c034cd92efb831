// The page of alarms: asks once a second, and covers itself when nobody answers.

const ASK_EVERY_MS = 1000;
const ALARM_SIGNS = {
  unacknowledged: '<path d="M12 3a6 6 0 0 0-6 6v5l-2 4h16l-2-4V9a6 6 0 0 0-6-6zM10 21h4M12 8v4M12 15h.01"/>',
  acknowledged: '<path d="M12 3a6 6 0 0 0-6 6v5l-2 4h16l-2-4V9a6 6 0 0 0-6-6zM10 21h4M9 11l2 2 4-4"/>',
  returned: '<path d="M4 12a8 8 0 1 0 3-6M4 4v4h4M12 8v4M12 15h.01"/>',
  shelved: '<path d="M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3 3"/>',
};
const SHELF_WORDS = { 30: 'half_an_hour', 120: 'two_hours', 480: 'one_shift' };

class AlarmBoard {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.heard = { at: performance.now(), wall: Date.now() };
    this.find('.sheet-close').addEventListener('click', () => this.closeSheet());
    this.find('.sheet').addEventListener('keydown', (event) => { if (event.key === 'Escape') this.closeSheet(); });
    this.clock = setInterval(() => this.tick(), 100);
  }

  configure(data, trigger) {
    Object.assign(this, { trigger, station: data.station, words: data.words, language: data.language, shelfMinutes: data.shelf_minutes, shelfReasons: data.shelf_reasons });
    signer = data;
    this.find('.board').lang = this.language;
    this.find('.none').textContent = this.words.no_alarms;
    this.find('.closed-title').textContent = this.words.closed_today;
    this.find('.rules').textContent = this.words.alarm_rules;
    this.find('.sheet-close').textContent = this.words.close;
    this.drawn = '';
    clearInterval(this.asking);
    this.asking = setInterval(() => this.ask(), ASK_EVERY_MS);
    this.ask();
  }

  async ask() {
    const turn = this.turn = (this.turn ?? 0) + 1;
    try {
      const reply = await fetch(`/alarms/${encodeURIComponent(this.station)}.json`, { cache: 'no-store', signal: AbortSignal.timeout(SERVER_SILENT_MS) });
      if (!reply.ok) return;
      const told = await reply.text();
      if (turn !== this.turn) return;
      this.heard = { at: performance.now(), wall: Date.now() };
      if (told !== this.drawn) this.show(JSON.parse(told));
      this.drawn = told;
    } catch { /* silence covers the page */ }
  }

  tick() {
    const isSilent = performance.now() - this.heard.at > SERVER_SILENT_MS;
    this.find('.cover').hidden = !isSilent;
    if (isSilent) document.documentElement.dataset.covered = 'server_silent';
    else delete document.documentElement.dataset.covered;
    if (!isSilent) return;
    this.find('.cover b').textContent = filled(this.words.no_data_since, { time: clock(this.heard.wall) });
    this.find('.cover span').textContent = `${this.words.server_silent} ${this.words.recovers}`;
  }

  show({ open, closed }) {
    this.find('.none').hidden = open.length > 0;
    const used = this.root.activeElement ?? document.activeElement;
    const [alarmId, tap] = [used?.closest?.('.alarm')?.dataset.alarm, used?.dataset?.tap];
    this.find('.open').replaceChildren(...open.map((alarm) => this.alarm(alarm)));
    if (tap) [...this.root.querySelectorAll(`[data-tap="${tap}"]`)].find((one) => one.closest('.alarm').dataset.alarm === alarmId)?.focus();
    this.find('.closed-title').hidden = !closed.length;
    this.find('.closed').replaceChildren(...closed.map((alarm) => this.closedAlarm(alarm)));
  }

  alarm(alarm) {
    const box = made('section', 'alarm');
    Object.assign(box.dataset, { state: alarm.state, held: alarm.held_back, alarm: alarm.id });
    const sign = made('span', 'sign');
    sign.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true">${ALARM_SIGNS[alarm.state]}</svg>`;
    const taps = made('div', 'taps');
    if (alarm.state === 'unacknowledged' || alarm.state === 'returned') taps.append(this.tap('acknowledge', () => this.act(alarm, { action: 'acknowledge' }), true));
    if (alarm.state === 'shelved') taps.append(this.tap('unshelve', () => this.act(alarm, { action: 'unshelve' })));
    else taps.append(this.tap('shelve', () => this.chooseShelf(alarm)));
    if (alarm.last_id) taps.append(this.tap('open_part', () => this.trigger('open', alarm.last_id)));
    box.append(sign, this.what(alarm), taps);
    return box;
  }

  closedAlarm(alarm) {
    const box = made('section', 'alarm');
    box.append(this.what(alarm));
    return box;
  }

  what(alarm) {
    const what = made('div', 'what');
    const time = (ms) => clock(ms).slice(0, 5);
    const facts = filled(this.words[alarm.parts ? 'since_parts' : 'since_equipment'], { time: time(alarm.since_ms), n: alarm.parts, last: clock(alarm.last_ms) });
    const more = [];
    if (alarm.acknowledged_by) more.push(filled(this.words.acknowledged_by, { name: alarm.acknowledged_by, time: time(alarm.acknowledged_ms) }));
    if (alarm.returned_ms) more.push(filled(this.words.returned_at, { time: time(alarm.returned_ms) }));
    if (alarm.state === 'shelved') more.push(filled(this.words.shelved_until, { time: time(alarm.shelved_until_ms), name: alarm.shelved_by, reason: this.words[alarm.shelved_reason] }));
    if (alarm.held_back) more.push(this.words.held_back);
    const line = made('p', 'facts');
    if (alarm.state !== 'closed') line.append(made('span', 'state', this.words[alarm.state]));
    line.append(facts);
    what.append(made('p', 'title', alarm.title[this.language]), line, made('p', 'more', more.join(' · ')));
    return what;
  }

  tap(word, act, isStrong = false) {
    const button = made('button', isStrong ? 'tap strong' : 'tap', this.words[word]);
    button.dataset.tap = word;
    button.addEventListener('click', act);
    return button;
  }

  // --- acting ---------------------------------------------------------------------------------------------------------------

  async act(alarm, action) {
    if (!operatorName()) { if (!leadToBadge(this.language)) this.openSheet(this.words.may_not_answer, []); return; }
    const status = await post('/alarms', { station: this.station, alarm_id: alarm.id, ...action });
    this.find('.failed').textContent = this.words.action_failed;
    this.find('.failed').hidden = status === 201 || status === 404; // gone: the next answer shows it
    this.ask();
  }

  chooseShelf(alarm) {
    let minutes = this.shelfMinutes[0];
    const times = made('div', 'choices');
    for (const choice of this.shelfMinutes) {
      const button = made('button', 'choice', this.words[SHELF_WORDS[choice]]);
      button.setAttribute('aria-pressed', String(choice === minutes));
      button.addEventListener('click', () => {
        minutes = choice;
        for (const other of times.children) other.setAttribute('aria-pressed', String(other === button));
      });
      times.append(button);
    }
    const reasons = made('div', 'choices');
    for (const reason of this.shelfReasons) {
      const button = made('button', 'choice', this.words[reason]);
      button.addEventListener('click', () => { this.closeSheet(); this.act(alarm, { action: 'shelve', minutes, reason }); });
      reasons.append(button);
    }
    const heading = (word) => made('h4', '', this.words[word]);
    this.openSheet(`${this.words.shelve}: ${alarm.title[this.language]}`, [heading('shelve_how_long'), times, heading('shelve_why'), reasons]);
  }

  openSheet(title, nodes) {
    this.find('.sheet h3').textContent = title;
    this.find('.sheet-body').replaceChildren(...nodes);
    this.find('.sheet').hidden = false;
    (this.find('.sheet-body button') ?? this.find('.sheet-close')).focus();
  }

  closeSheet() { this.find('.sheet').hidden = true; }

  close() {
    clearInterval(this.clock);
    clearInterval(this.asking);
    delete document.documentElement.dataset.covered;
  }
}

export default mounted(AlarmBoard);
