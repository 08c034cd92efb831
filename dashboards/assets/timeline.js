// All that was recorded of one part on one time axis, with one cursor: scrub, zoom, play.

const HEIGHT = { spectrogram: 110, wave: 64, series: 58, axis: 26 };
const INK = '#1f4e5f', CURSOR = '#b92c05', SPAN = 'rgba(242, 178, 0, 0.2)', QUIET = '#4d5a64';

export default function (component) {
  const root = component.parentElement;
  const find = (selector) => root.querySelector(selector);
  const { rows, words, start_s: first, end_s: last, near } = component.data;
  const drawn = rows.map((row) => makeRow(row));
  const axis = { kind: 'axis', canvas: find('.axis canvas') };
  const view = { from: near[0], to: near[1], cursor: 0 };
  const sound = rows.find((row) => row.sound);
  const audio = sound ? new Audio(sound.sound) : null;
  let playing = false, clockAt = 0, frame = 0;

  find('.rows').replaceChildren(...drawn.map((row) => row.line));
  find('.play').textContent = words.timeline_play;
  find('.whole').textContent = words.timeline_whole;
  find('.pace span').textContent = words.timeline_pace;
  find('.closer').ariaLabel = words.timeline_closer;
  find('.wider').ariaLabel = words.timeline_wider;
  find('.hint').textContent = words.timeline_hint;
  find('.timeline').ariaLabel = words.timeline_title;

  const draw = () => {
    for (const row of drawn) drawRow(row, view);
    drawAxis(axis, view);
    find('.at').textContent = `${signed(view.cursor, 3)} s`;
  };
  const moveTo = (at) => { view.cursor = Math.min(Math.max(at, first), last); draw(); };
  const show = (from, to) => {
    const span = Math.min(Math.max(to - from, 0.005), last - first);
    view.from = Math.min(Math.max(from, first), last - span);
    view.to = view.from + span;
    draw();
  };
  const zoom = (factor, round = view.cursor) => show(round - (round - view.from) * factor, round + (view.to - round) * factor);

  for (const { canvas } of drawn) {
    const timeAt = (event) => view.from + (event.offsetX / canvas.clientWidth) * (view.to - view.from);
    canvas.onpointerdown = (event) => { canvas.setPointerCapture(event.pointerId); stop(); moveTo(timeAt(event)); };
    canvas.onpointermove = (event) => { if (event.buttons) moveTo(timeAt(event)); };
    canvas.ondblclick = () => show(...near);
    canvas.onwheel = (event) => { event.preventDefault(); zoom(event.deltaY > 0 ? 1.25 : 0.8, timeAt(event)); };
  }
  find('.closer').onclick = () => zoom(0.5);
  find('.wider').onclick = () => zoom(2);
  find('.whole').onclick = () => show(first, last);
  find('.timeline').onkeydown = (event) => {
    if (event.target !== find('.timeline')) return;
    const step = (view.to - view.from) / 50;
    const act = { ArrowLeft: () => moveTo(view.cursor - step), ArrowRight: () => moveTo(view.cursor + step), '+': () => zoom(0.5), '-': () => zoom(2), ' ': toggle }[event.key];
    if (act) { event.preventDefault(); act(); }
  };

  // While the cursor is within the sound, the sound is the clock, so that what is heard and what is seen are one instant.
  const pace = () => Number(find('.pace select').value);
  const heard = () => audio && view.cursor >= sound.t0 && view.cursor < sound.t1 && audio.readyState > 1;
  const tick = (now) => {
    if (!playing) return;
    if (heard()) {
      if (audio.paused) { audio.currentTime = view.cursor - sound.t0; audio.play().catch(() => {}); }
      audio.playbackRate = Math.max(pace(), 0.0625);
      audio.preservesPitch = false;
      if (!audio.paused && audio.currentTime > 0) view.cursor = sound.t0 + audio.currentTime;
      else view.cursor += ((now - clockAt) / 1e3) * pace();
    } else {
      if (audio && !audio.paused) audio.pause();
      view.cursor += ((now - clockAt) / 1e3) * pace();
    }
    clockAt = now;
    if (view.cursor >= view.to) { view.cursor = view.to; stop(); }
    draw();
    frame = requestAnimationFrame(tick);
  };
  const stop = () => {
    playing = false;
    cancelAnimationFrame(frame);
    audio?.pause();
    find('.play').textContent = words.timeline_play;
    find('.play').setAttribute('aria-pressed', 'false');
  };
  const toggle = () => {
    if (playing) return stop();
    if (view.cursor < view.from || view.cursor >= view.to - 1e-6) view.cursor = view.from;
    playing = true;
    clockAt = performance.now();
    find('.play').textContent = words.timeline_pause;
    find('.play').setAttribute('aria-pressed', 'true');
    frame = requestAnimationFrame(tick);
  };
  find('.play').onclick = toggle;

  const seen = new ResizeObserver(draw);
  seen.observe(find('.rows'));
  for (const row of drawn) if (row.image) row.image.onload = draw;
  draw();
  return () => { stop(); seen.disconnect(); };
}

function makeRow(row) {
  const line = document.createElement('div');
  line.className = 'row';
  const name = document.createElement('span'), canvas = document.createElement('canvas'), value = document.createElement('span');
  name.className = 'name';
  name.textContent = row.title;
  value.className = 'value';
  line.append(name, canvas, value);
  const made = { ...row, line, canvas, value };
  if (row.picture) { made.image = new Image(); made.image.src = row.picture; }
  return made;
}

function prepared(canvas, height) {
  const width = canvas.clientWidth || 600, scale = window.devicePixelRatio || 1;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext('2d');
  pen.scale(scale, scale);
  return [pen, width];
}

function drawRow(row, view) {
  const height = HEIGHT[row.kind], [pen, width] = prepared(row.canvas, height);
  const x = (t) => ((t - view.from) / (view.to - view.from)) * width;
  if (row.kind === 'spectrogram' && row.image?.complete) {
    pen.imageSmoothingEnabled = false;
    pen.drawImage(row.image, x(row.t0), 0, x(row.t1) - x(row.t0), height);
  }
  for (const [from, to] of row.spans) { pen.fillStyle = SPAN; pen.fillRect(x(from), 0, Math.max(x(to) - x(from), 2), height); }
  if (row.kind !== 'spectrogram') drawCurve(pen, row, view, x, height);
  upright(pen, x(0), height, QUIET, [4, 4]);
  upright(pen, x(view.cursor), height, CURSOR, []);
  row.value.textContent = valueAt(row, view.cursor);
}

function drawCurve(pen, row, view, x, height) {
  const low = row.low ?? row.values, high = row.high ?? row.values;
  let least = Infinity, most = -Infinity;
  row.times.forEach((t, i) => {
    if (t < view.from || t > view.to || low[i] === null) return;
    least = Math.min(least, low[i]);
    most = Math.max(most, high[i]);
  });
  if (least > most) return;
  const span = most - least || 1, y = (v) => height - 5 - ((v - least) / span) * (height - 10);
  pen.strokeStyle = INK;
  pen.lineWidth = 1.4;
  pen.beginPath();
  let down = false;
  row.times.forEach((t, i) => {
    if (low[i] === null) { down = false; return; }
    if (down) pen.lineTo(x(t), y(low[i])); else pen.moveTo(x(t), y(low[i]));
    if (row.high) pen.lineTo(x(t), y(high[i]));
    down = true;
  });
  pen.stroke();
}

function drawAxis(axis, view) {
  const [pen, width] = prepared(axis.canvas, HEIGHT.axis);
  const rough = (view.to - view.from) / 8, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((size) => size >= rough);
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  pen.fillStyle = QUIET;
  pen.font = '12px sans-serif';
  pen.textAlign = 'center';
  for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) {
    const at = ((t - view.from) / (view.to - view.from)) * width;
    pen.fillRect(at, 0, 1, 5);
    if (at > 24 && at < width - 24) pen.fillText(`${signed(t, digits)} s`, at, 19);
  }
}

function upright(pen, at, height, colour, dash) {
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5;
  pen.setLineDash(dash);
  pen.beginPath();
  pen.moveTo(at, 0);
  pen.lineTo(at, height);
  pen.stroke();
  pen.setLineDash([]);
}

function valueAt(row, at) {
  if (!row.times?.length || at < row.times[0] || at > row.times.at(-1)) return '–';
  let index = row.times.findIndex((t) => t > at);
  index = index < 0 ? row.times.length - 1 : Math.max(index - 1, 0);
  const low = (row.low ?? row.values)[index], high = (row.high ?? row.values)[index];
  if (low === null) return '–';
  const value = Math.abs(high) > Math.abs(low) ? high : low;
  return `${Number(value.toPrecision(4))} ${row.unit}`;
}

function signed(value, digits) {
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? text : `${value < 0 ? '−' : '+'}${text}`;
}
