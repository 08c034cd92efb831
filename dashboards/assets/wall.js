// The wall: several stations in one stream. Each tile covers itself when its own line is silent, all of them when the server is.

class Wall {
  constructor(root) {
    this.root = root;
    this.places = new Map();
    this.fitting = keepBelowMasthead(root.querySelector('.wall'));
    this.clock = setInterval(() => this.tick(), 100);
  }

  configure(data, trigger) {
    Object.assign(this, { trigger, words: data.words, language: data.language });
    const wall = this.root.querySelector('.wall');
    wall.lang = this.language;
    wall.dataset.stations = data.stations.length;
    if (this.stations !== data.stations.join()) {
      this.stations = data.stations.join();
      this.places = new Map(data.stations.map((station) => [station, new Place(this, station)]));
      wall.replaceChildren(...[...this.places.values()].map((place) => place.node));
      this.open();
    }
    for (const place of this.places.values()) place.label();
  }

  open() {
    if (this.source) this.source.close();
    this.opened = performance.now();
    this.heard ??= { at: this.opened, wall: Date.now() };
    this.source = new EventSource(`/wall/events?stations=${encodeURIComponent(this.stations)}`);
    const alive = () => { this.heard = { at: performance.now(), wall: Date.now() }; };
    this.source.addEventListener('part', (event) => {
      alive();
      const news = JSON.parse(event.data);
      this.places.get(news.station)?.show(news);
    });
    this.source.addEventListener('beat', (event) => {
      alive();
      for (const [station, beat] of Object.entries(JSON.parse(event.data))) this.places.get(station)?.hear(beat);
    });
  }

  tick() {
    const silent = performance.now() - this.heard.at;
    for (const place of this.places.values()) place.coverIf(silent > SERVER_SILENT_MS, silent, this.heard.wall);
    if (silent > SERVER_SILENT_MS) document.documentElement.dataset.covered = 'server_silent';
    else delete document.documentElement.dataset.covered;
    if (silent > REOPEN_MS && performance.now() - this.opened > REOPEN_MS) this.open();
  }

  close() {
    clearInterval(this.clock);
    this.fitting?.disconnect();
    this.source?.close();
    delete document.documentElement.dataset.covered;
  }
}

class Place {
  constructor(wall, station) {
    Object.assign(this, { wall, station, quietMs: 0, turn: 0, news: null, beat: null });
    this.node = made('button', 'place');
    this.node.dataset.station = station;
    this.parts = {};
    for (const name of ['name', 'verdict', 'picture', 'foot', 'cover']) this.node.append(this.parts[name] = made('div', `place-${name}`));
    this.parts.cover.append(made('b', '', station), made('strong'), made('span'));
    this.parts.cover.hidden = true;
    this.node.addEventListener('click', () => wall.trigger('open', station));
  }

  // The picture is decoded before anything of its part is shown, so that picture and verdict belong together.
  async show(news) {
    const turn = ++this.turn;
    const images = await Promise.all([news.part?.picture, news.part?.heat].filter(Boolean).map((address) => decoded(address)));
    if (turn !== this.turn) return;
    this.news = news;
    if (images[1]) images[1].className = 'heat';
    this.parts.picture.replaceChildren(...images.filter(Boolean));
    this.label();
  }

  hear(beat) {
    this.beat = beat;
    this.heardAt = performance.now();
    this.showFoot();
  }

  label() {
    const { words } = this.wall;
    const part = this.news?.part;
    this.parts.name.replaceChildren(made('b', '', this.station), made('span', '', part ? `${part.part_id} · ${clock(part.utc_ms)}` : ''));
    this.parts.verdict.dataset.outcome = part?.outcome ?? 'none';
    this.parts.verdict.dataset.inspection = part?.id ?? '';
    this.parts.verdict.innerHTML = part ? SHAPES[part.outcome] : '';
    this.parts.verdict.append(part ? words[part.outcome] : words.waiting);
    this.showFoot();
  }

  showFoot() {
    const { words, language } = this.wall;
    const signs = [];
    const [alarm] = this.beat?.alarms.announced ?? [];
    const lost = (this.beat?.lamps ?? []).filter((lamp) => lamp.state === 'missing' || lamp.state === 'stale');
    if (alarm) signs.push(made('span', 'alarm', `${this.beat.alarms.announced.length + this.beat.alarms.more} · ${alarm.title[language]}`));
    if (lost.length) signs.push(made('span', 'lamp', `${words.channels}: ${lost.length} ${words.lamp_missing}`));
    const counts = this.news?.counts ?? {};
    const passed = counts.pass ?? 0;
    const all = passed + (counts.fail ?? 0) + (counts.review ?? 0);
    if (all) signs.push(made('span', '', `${words.yield} ${percent(passed / all, 1)} · ${all}`));
    const cause = this.news?.part?.cause;
    if (cause && !alarm) signs.push(made('span', 'cause', cause.title[language]));
    this.parts.foot.replaceChildren(...signs);
  }

  coverIf(isServerSilent, silentMs, heardWall) {
    const quiet = this.beat ? this.beat.quiet_ms + performance.now() - this.heardAt : 0;
    const isQuiet = isServerSilent || quiet > LINE_SILENT_MS;
    this.parts.cover.hidden = !isQuiet;
    if (!isQuiet) return;
    const { words } = this.wall;
    const since = isServerSilent ? heardWall : Date.now() - quiet;
    this.parts.cover.children[1].textContent = filled(words.no_data_since, { time: clock(since) });
    this.parts.cover.children[2].textContent = words[isServerSilent ? 'server_silent' : 'line_silent'];
  }
}

async function decoded(address) {
  const image = new Image();
  image.alt = '';
  image.src = address;
  try {
    await image.decode();
    return image;
  } catch {
    return null;
  }
}

export default mounted(Wall);
