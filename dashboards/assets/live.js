// The operator's screen. It is told of parts by server-sent events and needs no rerun of the page; it watches by itself whether what
// it shows is still true. Every text that comes from a plant is set as text, never as HTML.

const SERVER_ANSWERS_MS = 700;
const RELOAD_MS = 300;
const STRIP_PARTS = 30;
const FINDING_STAYS_MS = 4000;
const TOUCHED_STAYS_MS = 12000;

class LiveScreen {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.tiles = [];
    this.part = null;
    this.finding = null;
    this.newest = null;
    this.newerFindings = 0;
    this.holdUntil = 0;
    this.heard = null;
    this.quietMs = 0;
    this.turn = 0;
    this.partsSince = 0;
    this.lampState = [];
    this.alarms = { announced: [], more: 0 };
    this.counts = {};
    this.heatOn = localStorage.getItem('live.heat') !== 'off';
    this.opacity = Number(localStorage.getItem('live.opacity')) || 70;
    this.sound = new Audio();
    this.acting = new Acting(this);
    this.fitting = keepBelowMasthead(this.find('.live'));
    this.listen();
  }

  configure(data, trigger) {
    this.trigger = trigger;
    const moved = this.station !== data.station;
    this.words = data.words;
    this.language = data.language;
    this.channelNames = data.channels;
    this.kinds = data.kinds;
    signer = data;
    if (moved) this.clear();
    this.station = data.station;
    this.label();
    if (moved || !this.source) this.open();
    this.acting.resend();
    clearInterval(this.clock);
    this.clock = setInterval(() => this.tick(), 100);
  }

  clear() {
    this.tiles = []; this.part = this.finding = this.newest = null;
    this.newerFindings = 0; this.holdUntil = 0;
    this.turn++;
  }

  // --- events ---------------------------------------------------------------------------------------------------------------

  open() {
    if (this.source) this.source.close();
    this.opened = performance.now();
    this.heard ??= { at: this.opened, wall: Date.now() };
    const source = this.source = new EventSource(`/live/${encodeURIComponent(this.station)}/events`);
    source.addEventListener('error', () => { if (source.readyState === EventSource.CLOSED) this.signInAgain(); });
    source.addEventListener('parts', (event) => { this.alive(0); this.parts(JSON.parse(event.data)); });
    source.addEventListener('beat', (event) => {
      const beat = JSON.parse(event.data);
      this.alive(beat.quiet_ms);
      this.showLamps(beat.lamps);
      this.showAlarms(beat.alarms);
    });
  }

  async signInAgain() {
    const reply = await fetch('/who').catch(() => null);
    if (reply && reply.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  }

  alive(quietMs) {
    this.heard = { at: performance.now(), wall: Date.now() };
    this.quietMs = quietMs;
  }

  parts(news) {
    if (news.reset) {
      this.tiles = [];
      this.finding = null;
    }
    this.tiles = this.tiles.concat(news.strip).slice(-STRIP_PARTS);
    this.showStrip();
    this.showCounts(news.counts);
    if (news.part) this.showPart(news.part);
    if (news.finding) this.newFinding(news.finding);
    this.partsSince = news.reset ? 0 : this.partsSince + news.strip.length;
    this.showAgo();
  }

  tick() {
    const now = performance.now();
    const silent = now - this.heard.at;
    const quiet = this.quietMs + silent;
    if (silent > SERVER_SILENT_MS) this.cover('server_silent', this.heard.wall - this.quietMs);
    else if (quiet > LINE_SILENT_MS) this.cover('line_silent', Date.now() - quiet);
    else this.uncover();
    if (silent > REOPEN_MS && now - this.opened > REOPEN_MS) this.open(); // a connection may hang half open, or be refused for good
    if (this.newest && now > this.holdUntil) this.showFinding(this.newest);
    this.find('.newer').hidden = !this.newest;
  }

  cover(why, since) {
    const cover = this.find('.cover');
    if (cover.hidden) this.coveredSince = since;
    cover.hidden = false;
    document.documentElement.dataset.covered = why;
    const day = Date.now() - this.coveredSince > 12 * 3600e3 ? this.date(this.coveredSince) + ' ' : '';
    this.find('.cover-since').textContent = this.say('no_data_since', { time: day + clock(this.coveredSince) });
    this.find('.cover-why').textContent = this.words[why];
    this.find('.cover-recovers').textContent = this.words.recovers;
  }

  uncover() {
    this.find('.cover').hidden = true;
    delete document.documentElement.dataset.covered;
  }

  // --- the newest part ------------------------------------------------------------------------------------------------------

  async showPart(part) {
    const turn = ++this.turn;
    const layers = await this.layers(part);
    if (turn !== this.turn) return; // a newer part is already on its way
    if (part.picture && !layers && !this.serverAnswers()) return; // rather the last whole part, until it is covered
    this.part = part;
    this.find('.picture').replaceChildren(...(layers ? [layers] : []));
    this.find('.no-picture').hidden = Boolean(layers);
    this.labelPart();
  }

  async layers(part) {
    if (!part.picture) return null;
    const pictures = [this.image(part.picture, 'photo')];
    if (part.heat) pictures.push(this.image(part.heat, 'heat'));
    const [photo, heat] = await Promise.all(pictures);
    if (!photo) return null;
    const layers = document.createElement('div');
    layers.className = 'layers';
    layers.dataset.inspection = part.id;
    layers.append(photo);
    if (heat) layers.append(heat);
    layers.append(this.boxes(part, photo));
    return layers;
  }

  serverAnswers() { return performance.now() - this.heard.at < SERVER_ANSWERS_MS; }

  async image(address, name, attempts = 3) {
    const image = new Image();
    image.className = name;
    image.alt = '';
    image.src = address;
    try {
      await image.decode();
      return image;
    } catch {
      await new Promise((resume) => { setTimeout(resume, RELOAD_MS); });
      return attempts > 1 ? this.image(address, name, attempts - 1) : null;
    }
  }

  boxes(part, photo) {
    const svg = element('svg', { viewBox: `0 0 ${photo.naturalWidth} ${photo.naturalHeight}`, preserveAspectRatio: 'xMidYMid meet' });
    const size = photo.naturalWidth / 34;
    for (const defect of part.defects) {
      if (!defect.box_px || (defect.camera && defect.camera !== part.camera)) continue;
      const [x, y, width, height] = defect.box_px;
      svg.append(element('rect', { x, y, width, height }), element('rect', { x, y, width, height, class: 'inner' }));
      const text = element('text', { x, y: y > size * 1.4 ? y - size * 0.4 : y + height + size * 1.1 });
      text.style.fontSize = `${size}px`;
      text.style.strokeWidth = `${size / 4}px`;
      text.textContent = `${defect.kind[this.language]} ${percent(defect.confidence)}`;
      svg.append(text);
    }
    return svg;
  }

  labelPart() {
    const part = this.part;
    const verdict = this.find('.verdict');
    verdict.dataset.outcome = part ? part.outcome : 'none';
    verdict.dataset.inspection = part ? part.id : '';
    this.find('.shape').innerHTML = part ? SHAPES[part.outcome] : '';
    this.find('.word').textContent = part ? this.words[part.outcome] : '';
    this.find('.other-word').textContent = part ? this.words[`${part.outcome}_other`] : '';
    this.find('.part-id').textContent = part ? part.part_id : '';
    this.find('.when').textContent = part ? clock(part.utc_ms) : '';
    this.find('.score').textContent = part ? `${this.words.score} ${part.score.toFixed(2)} · ${this.words.threshold} ${part.threshold.toFixed(2)}` : '';
    this.find('.no-picture').textContent = part ? this.words.no_picture : this.words.waiting;
    this.find('.no-picture').hidden = Boolean(part && part.picture);
    const missing = part ? Object.keys(part.degraded) : [];
    this.find('.degraded').textContent = missing.length ? `${this.words.degraded}: ${missing.map((name) => this.channel(name)).join(', ')}` : '';
    this.find('.degraded').title = part ? Object.entries(part.degraded).map(([name, why]) => `${this.channel(name)}: ${why[this.language]}`).join('\n') : '';
  }

  // --- the last finding -----------------------------------------------------------------------------------------------------

  newFinding(part) {
    if (!this.finding || performance.now() > this.holdUntil) {
      this.showFinding(part);
      return;
    }
    this.newest = part;
    this.newerFindings++;
    this.find('.newer').textContent = this.say('newer_findings', { n: this.newerFindings });
  }

  hold(milliseconds) {
    this.holdUntil = Math.max(this.holdUntil, performance.now() + milliseconds);
  }

  async showFinding(part) {
    this.newest = null;
    this.newerFindings = 0;
    this.holdUntil = performance.now() + FINDING_STAYS_MS;
    const turn = this.findingTurn = (this.findingTurn ?? 0) + 1;
    const layers = await this.layers(part);
    if (turn !== this.findingTurn || (part.picture && !layers && !this.serverAnswers())) return;
    this.finding = part;
    this.find('.finding-picture').replaceChildren(...(layers ? [layers] : []));
    this.labelFinding();
    this.showAgo();
  }

  labelFinding() {
    const part = this.finding;
    const section = this.find('.finding');
    section.dataset.outcome = part ? part.outcome : 'none';
    section.dataset.inspection = part ? part.id : '';
    this.find('.no-finding').hidden = Boolean(part);
    this.find('.finding-body').hidden = !part;
    this.find('.finding-shape').innerHTML = part ? SHAPES[part.outcome] : '';
    this.find('.finding-word').textContent = part ? this.words[part.outcome] : '';
    this.find('.finding-part').textContent = part ? part.part_id : '';
    if (!part) { this.acting.show(); return; }
    const say = (text) => (text ? text[this.language] : '');
    const first = part.defects[0];
    this.find('.kind').textContent = first ? say(first.kind) : say(part.kind) || this.words[part.outcome];
    this.find('.confidence').textContent = first ? this.facts(first) : part.reasons.map(say).join('; ');
    this.find('.cause').textContent = part.cause ? `${say(part.cause.title)} ${percent(part.cause.probability)}` : this.words.no_cause;
    this.find('.conclusion').textContent = say(part.conclusion);
    const fix = part.suggestion;
    this.find('.action').textContent = fix ? say(fix.action) || fix.action.original : this.words.no_suggestion;
    this.find('.success').textContent = fix ? this.success(fix) : '';
    this.find('.together').textContent = part.together ? this.say('act_together', { causes: say(part.together) }) : '';
    this.find('.escalation').textContent = say(part.escalation);
    this.find('.play').hidden = !part.sound;
    this.acting.show();
  }

  facts(defect) {
    const facts = [`${this.words.confidence} ${percent(defect.confidence)}`];
    if (defect.area_mm2 != null) facts.push(`${defect.area_mm2.toFixed(1)} mm²`);
    else if (defect.area_px != null) facts.push(`${defect.area_px} px`);
    return facts.join(' · ');
  }

  success(fix) {
    return fix.tried ? this.say('helped_in', { helped: fix.helped, tried: fix.tried }) : this.words.never_tried;
  }

  showAgo() {
    if (!this.finding) { this.find('.finding-ago').textContent = ''; return; }
    const place = this.tiles.findIndex((tile) => tile.id === this.finding.id);
    const behind = place < 0 ? `> ${STRIP_PARTS}` : this.tiles.length - 1 - place;
    const ago = behind === 0 ? this.words.this_part : this.say('parts_ago', { n: behind });
    this.find('.finding-ago').textContent = `${clock(this.finding.utc_ms)} · ${ago}`;
  }

  // --- alarms ---------------------------------------------------------------------------------------------------------------

  showAlarms(alarms) {
    this.alarms = alarms;
    const [first] = alarms.announced;
    const bar = this.find('.alarms');
    bar.hidden = !first;
    bar.dataset.alarm = first?.id ?? '';
    if (!first) return;
    this.find('.alarm-word').textContent = this.say('alarms_waiting', { n: alarms.announced.length + alarms.more });
    this.find('.alarm-cause').textContent = first.title[this.language];
    this.find('.alarm-facts').textContent = this.say(first.parts ? 'alarm_parts' : 'alarm_since', { n: first.parts, time: clock(first.since_ms).slice(0, 5) });
    this.find('.acknowledge').textContent = this.words.acknowledge;
    this.find('.all-alarms').textContent = this.words.all_alarms;
  }

  async acknowledge() {
    if (!operatorName()) { this.acting.mayNot(); return; }
    const [first, ...others] = this.alarms.announced;
    if (!first) return;
    const status = await post('/alarms', { action: 'acknowledge', station: this.station, alarm_id: first.id });
    if (status === 201) this.showAlarms({ ...this.alarms, announced: others });
  }

  // --- strip, counts, lamps -------------------------------------------------------------------------------------------------

  showStrip() {
    const strip = this.find('.strip');
    const atEnd = strip.scrollLeft + strip.clientWidth >= strip.scrollWidth - 80;
    const wanted = new Set(this.tiles.map((tile) => tile.id));
    for (const tile of [...strip.children]) if (!wanted.has(tile.dataset.inspection)) tile.remove();
    const there = new Set([...strip.children].map((tile) => tile.dataset.inspection)); // these stay where they are: one may have the focus
    strip.append(...this.tiles.filter((tile) => !there.has(tile.id)).map((tile) => this.tile(tile)));
    if (atEnd) strip.scrollLeft = strip.scrollWidth;
  }

  tile(part) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'tile';
    button.dataset.inspection = part.id;
    button.dataset.outcome = part.outcome;
    button.innerHTML = SHAPES[part.outcome];
    const number = document.createElement('span');
    number.textContent = part.part_id.length > 7 ? `…${part.part_id.slice(-5)}` : part.part_id;
    button.append(number);
    const name = [part.part_id, this.words[part.outcome], part.kind[this.language]].filter(Boolean).join(', ');
    button.title = name;
    button.setAttribute('aria-label', name);
    button.addEventListener('click', () => this.trigger('open', part.id));
    return button;
  }

  showCounts(counts) {
    this.counts = counts;
    const passed = counts.pass ?? 0, failed = counts.fail ?? 0, review = counts.review ?? 0;
    const all = passed + failed + review;
    const since = counts.since_ms ? this.say('since_time', { time: clock(counts.since_ms).slice(0, 5) }) : '';
    const figures = [
      [all, `${this.words.shift} ${since}`], [all ? percent(passed / all, 1) : '–', this.words.yield],
      [failed, this.words.fail], [review, this.words.review],
    ];
    this.find('.counts').replaceChildren(...figures.map(([value, name]) => {
      const box = document.createElement('div'), figure = document.createElement('b'), label = document.createElement('small');
      figure.textContent = typeof value === 'number' ? value.toLocaleString('en').replaceAll(',', '\u202f') : value;
      label.textContent = name;
      box.append(figure, label);
      return box;
    }));
  }

  showLamps(lamps) {
    this.lampState = lamps;
    this.find('.lamps').replaceChildren(...lamps.map((lamp) => {
      const sign = document.createElement('span');
      sign.className = 'lamp';
      sign.dataset.state = lamp.state;
      sign.title = [lamp.reason[this.language], lamp.drops ? this.say('drops', { n: lamp.drops }) : ''].filter(Boolean).join('; ');
      sign.append(document.createElement('i'), this.channel(lamp.channel) + (lamp.state === 'ok' ? '' : `: ${this.words[`lamp_${lamp.state}`]}`));
      return sign;
    }), ...this.syncLamp());
  }

  syncLamp() {
    if (!this.part || this.part.sync_ms == null) return [];
    const sign = document.createElement('span');
    sign.className = 'lamp';
    sign.append(`${this.words.sync} ±${this.part.sync_ms.toFixed(1)} ms`);
    return [sign];
  }

  // --- words and switches ---------------------------------------------------------------------------------------------------

  label() {
    this.find('.live').lang = this.language;
    this.find('.finding h2').textContent = this.words.last_finding;
    this.find('.no-finding').textContent = this.words.no_finding;
    this.find('.cause-label').textContent = this.words.cause;
    this.find('.fix-label').textContent = this.words.suggestion;
    this.find('.heat-toggle').textContent = this.words.heat_map;
    this.find('.slider span').textContent = this.words.opacity;
    this.find('.play').lastChild.textContent = this.words.sound;
    this.find('.finding-picture').setAttribute('aria-label', this.words.open_part);
    this.find('.strip').setAttribute('aria-label', this.words.last_parts);
    this.find('.strip').replaceChildren();
    this.showStrip();
    this.showCounts(this.counts);
    this.showLamps(this.lampState);
    this.showAlarms(this.alarms);
    this.showHeat();
    this.labelPart();
    this.labelFinding();
    this.showAgo();
    if (this.part) this.showPart(this.part);
    if (this.finding) this.showFinding(this.finding);
  }

  listen() {
    this.find('.heat-toggle').addEventListener('click', () => { this.heatOn = !this.heatOn; this.showHeat(); });
    this.find('.opacity').addEventListener('input', (event) => { this.opacity = Number(event.target.value); this.showHeat(); });
    this.find('.finding').addEventListener('pointerdown', () => this.hold(TOUCHED_STAYS_MS));
    this.find('.finding').addEventListener('pointermove', () => this.hold(FINDING_STAYS_MS));
    for (const used of ['focusin', 'keydown']) this.find('.finding').addEventListener(used, () => this.hold(TOUCHED_STAYS_MS));
    this.find('.finding-picture').addEventListener('click', () => this.finding && this.trigger('open', this.finding.id));
    this.find('.newer').addEventListener('click', () => { if (this.newest) this.showFinding(this.newest); });
    this.find('.play').addEventListener('click', () => this.play());
    this.find('.acknowledge').addEventListener('click', () => this.acknowledge());
    this.find('.all-alarms').addEventListener('click', () => this.trigger('go', 'page_alarms'));
  }

  play() {
    this.hold(TOUCHED_STAYS_MS);
    const isPlaying = !this.sound.paused;
    this.sound.pause();
    if (isPlaying || !this.finding?.sound) return;
    this.sound.src = this.finding.sound;
    this.sound.play().catch(() => {}); // no loudspeaker: nothing to hear, nothing to mend here
  }

  showHeat() {
    const live = this.find('.live');
    live.classList.toggle('heat-off', !this.heatOn);
    live.style.setProperty('--heat-opacity', this.opacity / 100);
    this.find('.heat-toggle').setAttribute('aria-pressed', String(this.heatOn));
    this.find('.opacity').value = this.opacity;
    localStorage.setItem('live.heat', this.heatOn ? 'on' : 'off');
    localStorage.setItem('live.opacity', String(this.opacity));
  }

  say(key, values) { return filled(this.words[key], values); }
  channel(name) {
    if (name.startsWith('sink ')) return `${this.words.sink} ${name.slice(5)}`;
    return this.channelNames[name] ?? name.replaceAll('_', ' ');
  }
  date(utcMs) { return new Date(utcMs).toLocaleDateString('sv-SE'); }

  close() {
    this.acting.close();
    this.fitting?.disconnect();
    this.sound.pause();
    clearInterval(this.clock);
    if (this.source) this.source.close();
    this.source = null;
    delete document.documentElement.dataset.covered;
  }
}

export default mounted(LiveScreen);
