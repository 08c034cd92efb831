// What an operator does about the last finding. An answer takes one tap, is signed, can be taken back for 10 s, and is then sent until
// it is stored: what was not sent yet outlives a reload.

const UNDO_MS = 10000;
const RETRY_MS = 2000;
const OUTBOX = 'live.outbox';

const ICONS = {
  good: '<path d="M4 13l5 5L20 6"/>',
  bad: '<path d="M5 5l14 14M19 5L5 19"/>',
  flag: '<path d="M6 21V4h11l-2.5 4L17 12H6"/>',
  name: '<path d="M4 12V4h8l8 8-8 8zM8 8h.01"/>',
  note: '<path d="M4 20l1-5L16 4l4 4L9 19z"/>',
  tool: '<path d="M14 6a4 4 0 0 0 5 5l-9 9-4-4 9-9a4 4 0 0 1 5-5l-3 3z"/>',
  apply: '<path d="M4 7h10M18 7h2M4 17h2M10 17h10M14 4v6M6 14v6"/>',
};
const ABOUT_FIX = [['applied', 'apply'], ['helped', 'good'], ['not_helped', 'bad']];
const ABOUT_PART = {
  fail: [['verdict_right', 'good'], ['verdict_wrong', 'flag']],
  review: [['is_good', 'good'], ['is_bad', 'bad']],
};
const MORE = [['named', 'name'], ['note', 'note'], ['maintenance', 'tool']];

class Acting {
  constructor(screen) {
    this.screen = screen;
    this.find = screen.find;
    this.pending = [];
    this.given = new Map();
    this.settings = new Map();
    this.leave = () => this.flush();
    window.addEventListener('pagehide', this.leave);
    this.find('.sheet-close').addEventListener('click', () => this.closeSheet());
    this.find('.sheet').addEventListener('keydown', (event) => { if (event.key === 'Escape') this.closeSheet(); });
  }

  get part() { return this.screen.finding; }
  get words() { return this.screen.words; }
  say(text) { return text ? text[this.screen.language] : ''; }

  // --- what is offered ------------------------------------------------------------------------------------------------------

  show() {
    const part = this.part;
    if (!part) return;
    this.closeSheet();
    const hadFocus = this.find('.answers').contains(this.screen.root.activeElement ?? document.activeElement);
    const fix = part.suggestion;
    this.settings = new Map((fix?.parameters ?? []).map((parameter) => [parameter.name, parameter.value]));
    this.find('.parameters').replaceChildren(...(fix?.parameters ?? []).map((parameter) => this.parameter(parameter)));
    this.find('.fix-answers').replaceChildren(...(fix ? ABOUT_FIX : []).map(([kind, icon]) => this.button(kind, icon)));
    this.find('.part-answers').replaceChildren(...[...ABOUT_PART[part.outcome] ?? [], ...MORE].map(([kind, icon]) => this.button(kind, icon)));
    this.showGiven();
    if (hadFocus) this.find('.finding-picture').focus(); // never a button: it would now answer for another part
  }

  button(kind, icon) {
    const button = made('button');
    button.dataset.answer = kind;
    button.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true">${ICONS[icon]}</svg>`;
    button.append(made('span', '', this.words[kind]));
    const taps = { named: () => this.chooseNames(), note: () => this.writeNote(), applied: () => this.apply() };
    button.addEventListener('click', taps[kind] ?? (() => this.answer(kind)));
    return button;
  }

  showGiven() {
    const given = this.given.get(this.part?.id) ?? new Set();
    for (const button of this.screen.root.querySelectorAll('[data-answer]')) button.setAttribute('aria-pressed', String(given.has(button.dataset.answer)));
  }

  // --- settings of the suggested fix ----------------------------------------------------------------------------------------

  parameter(parameter) {
    const line = made('div', 'parameter');
    const input = made('input');
    Object.assign(input, { type: 'number', inputMode: 'decimal', step: 'any', value: number(parameter.value), ariaLabel: parameter.title[this.screen.language] });
    const limits = made('small', 'limits');
    const check = () => {
      const inside = this.isSafe(parameter, Number(input.value)) && input.value !== '';
      this.settings.set(parameter.name, inside ? Number(input.value) : NaN);
      line.dataset.safe = String(inside);
      limits.textContent = this.limits(parameter, inside);
      this.find('[data-answer=applied]')?.toggleAttribute('disabled', [...this.settings.values()].some(Number.isNaN));
    };
    const step = (sign) => {
      const size = stepOf(parameter);
      const stepped = Number((Math.round(Number(input.value) / size) * size + sign * size).toPrecision(10));
      input.value = number(Math.min(parameter.high ?? Infinity, Math.max(parameter.low ?? -Infinity, stepped)));
      check();
    };
    input.addEventListener('input', check);
    line.append(made('span', 'parameter-name', parameter.title[this.screen.language]), this.stepper('−', () => step(-1)), input, this.stepper('+', () => step(1)), made('span', 'unit', parameter.unit), limits);
    check();
    return line;
  }

  stepper(sign, tap) {
    const button = made('button', 'stepper', sign);
    button.ariaLabel = this.words[sign === '+' ? 'more' : 'less'];
    button.addEventListener('click', tap);
    return button;
  }

  isSafe(parameter, value) {
    return Number.isFinite(value) && value >= (parameter.low ?? -Infinity) && value <= (parameter.high ?? Infinity);
  }

  limits(parameter, inside) {
    if (parameter.low == null || parameter.high == null) return inside ? this.words.no_limits : this.words.no_number;
    const ends = { low: number(parameter.low), high: number(parameter.high) };
    return filled(inside ? this.words.within_limits : this.words.outside_limits, ends);
  }

  apply() {
    this.answer('applied', { parameters: Object.fromEntries(this.settings) });
  }

  // --- sheets ---------------------------------------------------------------------------------------------------------------

  openSheet(title, nodes) {
    this.screen.hold(120000);
    this.opener = this.screen.root.activeElement ?? document.activeElement;
    this.find('.sheet h3').textContent = title;
    this.find('.sheet-close').textContent = this.words.close;
    this.find('.sheet-body').replaceChildren(...nodes);
    this.find('.sheet').hidden = false;
    (this.find('.sheet-body button, .sheet-body textarea') ?? this.find('.sheet-close')).focus();
  }

  closeSheet() {
    if (this.find('.sheet').hidden) return;
    this.find('.sheet').hidden = true;
    this.opener?.focus();
    this.speaking?.stop();
    this.screen.holdUntil = performance.now() + TOUCHED_STAYS_MS;
  }

  // Nobody acts on this screen who may: a screen at the line asks for a badge.
  mayNot() {
    if (!leadToBadge(this.screen.language)) this.openSheet(this.words.may_not_answer, []);
  }

  chooseNames() {
    const groups = [['defect', this.words.true_defect, this.screen.kinds], ['cause', this.words.true_cause, this.part.causes]];
    this.openSheet(this.words.named, groups.flatMap(([field, title, choices]) => {
      const box = made('div', 'choices');
      for (const choice of choices) {
        const button = made('button', 'choice', this.say(choice.title));
        button.addEventListener('click', () => {
          for (const other of box.children) other.setAttribute('aria-pressed', String(other === button));
          this.name(field, choice.name, this.say(choice.title));
        });
        box.append(button);
      }
      return [made('h4', '', title), box];
    }));
  }

  // Defect and cause are named with a tap each, and stored as one answer.
  name(field, value, label) {
    const before = this.pending.find((one) => one.body.kind === 'named' && one.body.inspection_id === this.part.id);
    if (before) this.drop(before);
    this.answer('named', { ...before?.named, [field]: value }, { ...before?.labels, [field]: label });
  }

  writeNote() {
    const text = made('textarea');
    text.maxLength = 2000;
    text.rows = 4;
    text.ariaLabel = this.words.note;
    const save = made('button', 'choice strong', this.words.save_note);
    save.addEventListener('click', () => {
      if (!text.value.trim()) return;
      this.closeSheet();
      this.answer('note', { note: text.value.trim() });
    });
    const nodes = [text, save];
    if (Speaking.isPossible()) {
      this.speaking = new Speaking(this.words, (recording) => { this.closeSheet(); this.answer('note', { recording }); });
      nodes.push(this.speaking.node);
    }
    this.openSheet(this.words.note, nodes);
    text.focus();
  }

  // --- answers --------------------------------------------------------------------------------------------------------------

  answer(kind, extra = {}, labels = {}) {
    const part = this.part;
    if (!part) return;
    if (!operatorName()) { this.mayNot(); return; }
    this.screen.hold(TOUCHED_STAYS_MS);
    const token = Array.from(crypto.getRandomValues(new Uint32Array(4)), (piece) => piece.toString(16)).join('');
    const body = { inspection_id: part.id, kind, token, ...extra };
    if (part.suggestion && ABOUT_FIX.some(([about]) => about === kind)) body.fix_id = part.suggestion.fix_id;
    const said = Object.values(labels).join(', ');
    const pending = { body, named: kind === 'named' ? extra : {}, labels, who: operatorName(), part: part.part_id, text: said ? `${this.words[kind]}: ${said}` : this.words[kind] };
    this.pending.push(pending);
    this.keep(pending);
    pending.toast = this.toast(pending);
    pending.timer = setTimeout(() => this.send(pending), UNDO_MS);
    this.mark(part.id, kind, true);
  }

  mark(id, kind, isGiven) {
    const given = this.given.get(id) ?? new Set();
    given[isGiven ? 'add' : 'delete'](kind);
    this.given.set(id, given);
    if (this.given.size > 50) this.given.delete(this.given.keys().next().value);
    this.showGiven();
  }

  flush() { for (const pending of [...this.pending]) this.send(pending); }

  async send(pending) {
    clearTimeout(pending.timer);
    this.pending = this.pending.filter((other) => other !== pending);
    const status = await post('/answers', pending.body);
    const undo = pending.toast?.querySelector('button');
    if (undo) undo.hidden = true;
    if (status === 201 || (status >= 400 && status < 500 && status !== 401)) {
      this.forget(pending);
      this.tell(pending, status === 201 ? 'saved' : status === 403 ? 'may_not_answer' : 'refused', status === 201 ? 4000 : 8000);
      if (status !== 201) this.mark(pending.body.inspection_id, pending.body.kind, false);
    } else {
      this.tell(pending, 'not_saved');
      pending.timer = setTimeout(() => this.send(pending), RETRY_MS);
    }
  }

  drop(pending) {
    clearTimeout(pending.timer);
    this.pending = this.pending.filter((other) => other !== pending);
    this.forget(pending);
    pending.toast.remove();
  }

  undo(pending) {
    this.drop(pending);
    this.mark(pending.body.inspection_id, pending.body.kind, false);
  }

  // What is not stored yet is kept by the browser, with who said it.
  kept() { return JSON.parse(localStorage.getItem(OUTBOX) ?? '{}'); }
  keep(pending) {
    const { body, who, part, text } = pending;
    try {
      localStorage.setItem(OUTBOX, JSON.stringify({ ...this.kept(), [body.token]: { body, who, part, text } }));
    } catch { /* long recordings fill what a browser keeps; then an answer is lost only with the page */ }
  }
  forget(pending) {
    const { [pending.body.token]: _, ...rest } = this.kept();
    localStorage.setItem(OUTBOX, JSON.stringify(rest));
  }
  resend() {
    const known = new Set(this.pending.map((one) => one.body.token));
    for (const left of Object.values(this.kept())) {
      if (left.who === operatorName() && !known.has(left.body.token)) this.send(left);
    }
  }

  // --- toasts ---------------------------------------------------------------------------------------------------------------

  toast(pending) {
    const toast = made('div', 'toast');
    toast.role = 'status';
    const undo = made('button', '', this.words.undo);
    undo.addEventListener('click', () => this.undo(pending));
    toast.append(made('span'), undo);
    this.find('.toasts').append(toast);
    while (this.find('.toasts').children.length > 3) this.find('.toasts').firstChild.remove();
    pending.toast = toast;
    this.tell(pending, 'will_save');
    return toast;
  }

  tell(pending, key, forMs = 0) {
    if (!pending.toast) return;
    pending.toast.dataset.state = key;
    pending.toast.querySelector('span').textContent = filled(this.words[key], { answer: pending.text, part: pending.part });
    if (forMs) setTimeout(() => pending.toast.remove(), forMs);
  }

  close() {
    this.flush();
    window.removeEventListener('pagehide', this.leave);
  }
}

// A twentieth of what is allowed, or of the value, as a round number.
function stepOf(parameter) {
  const span = parameter.low != null && parameter.high != null ? parameter.high - parameter.low : Math.abs(parameter.value);
  const raw = (span || 1) / 20;
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * (raw / power >= 5 ? 5 : raw / power >= 2 ? 2 : 1);
}
