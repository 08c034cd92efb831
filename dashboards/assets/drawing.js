// Draw where the defect is: brush, eraser and box, by mouse, pen or finger. What is drawn is kept as run lengths down the columns.

const INK = '#0b57d0', UNDO_STEPS = 50;

export default function (component) {
  const { part, words, may } = component.data;
  const root = component.parentElement;
  const find = (selector) => root.querySelector(selector);
  const [photo, ink, over] = ['.photo', '.ink', '.over'].map(find);
  const whose = `${part.id}/${part.camera}/${part.saved_at}`;
  // Streamlit calls this again whenever the page runs: what was drawn and not kept stays.
  const same = root.drawing?.whose === whose;
  const state = root.drawing = same ? root.drawing : { whose, tool: 'brush', steps: [], told: part.told, wrong: false, changed: false };

  find('.size-word').textContent = words.brush_size;
  for (const name of ['undo', 'clear', 'propose', 'keep']) find(`.${name}`).textContent = words[`draw_${name}`];
  for (const button of root.querySelectorAll('[data-tool]')) {
    button.textContent = words[`draw_${button.dataset.tool}`];
    button.onclick = () => { state.tool = button.dataset.tool; show(); };
  }
  find('.tools').ariaLabel = words.draw_mask;
  over.classList.toggle('shut', !may);

  const show = () => {
    for (const button of root.querySelectorAll('[data-tool]')) {
      button.setAttribute('aria-pressed', String(button.dataset.tool === state.tool));
      button.disabled = !may;
    }
    find('.undo').disabled = state.steps.length === 0;
    find('.clear').disabled = !may;
    find('.propose').hidden = !part.proposed;
    find('.propose').disabled = !may;
    find('.keep').disabled = !may || !state.changed;
    find('.told').textContent = state.told;
    find('.told').classList.toggle('wrong', state.wrong);
  };

  const begin = () => {
    for (const canvas of [ink, over]) { canvas.width = photo.naturalWidth; canvas.height = photo.naturalHeight; }
    fill(ink, part.runs ?? []);
    show();
  };
  if (!same || ink.width !== photo.naturalWidth) {
    photo.onload = begin;
    photo.src = part.picture;
    if (photo.complete && photo.naturalWidth) begin();
  }

  const change = (act) => {
    state.steps.push(runsOf(ink));
    if (state.steps.length > UNDO_STEPS) state.steps.shift();
    act();
    changed();
  };
  const changed = () => { state.changed = true; state.told = words.draw_unsaved; state.wrong = false; show(); };
  find('.undo').onclick = () => { if (state.steps.length) { fill(ink, state.steps.pop()); changed(); } };
  find('.clear').onclick = () => change(() => wipe(ink));
  find('.propose').onclick = () => change(() => fill(ink, part.proposed));
  find('.drawing').onkeydown = (event) => {
    if (event.key === 'z' && (event.ctrlKey || event.metaKey)) { event.preventDefault(); find('.undo').click(); }
  };

  // --- pointer ----------------------------------------------------------------------------------------------------------------

  const place = (event) => {
    const bounds = over.getBoundingClientRect();
    return [(event.clientX - bounds.left) / bounds.width * over.width, (event.clientY - bounds.top) / bounds.height * over.height];
  };
  const line = (from, to) => {
    const pen = ink.getContext('2d');
    pen.globalCompositeOperation = state.tool === 'eraser' ? 'destination-out' : 'source-over';
    pen.strokeStyle = INK;
    pen.lineCap = pen.lineJoin = 'round';
    pen.lineWidth = Math.max(1, Number(find('.size').value) / 320 * ink.width);
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(to[0] + 0.01, to[1]);
    pen.stroke();
    pen.globalCompositeOperation = 'source-over';
  };
  const box = (canvas, from, to) => {
    const pen = canvas.getContext('2d');
    pen.fillStyle = INK;
    pen.fillRect(Math.min(from[0], to[0]), Math.min(from[1], to[1]), Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]));
  };
  let from = null, last = null;
  over.onpointerdown = (event) => {
    if (!may || !over.width || event.button > 0 || from) return;
    over.setPointerCapture(event.pointerId);
    from = last = place(event);
    change(() => { if (state.tool !== 'box') line(from, from); });
  };
  over.onpointermove = (event) => {
    if (!from) return;
    const at = place(event);
    if (state.tool === 'box') { wipe(over); box(over, from, at); over.style.opacity = 0.4; } else line(last, at);
    last = at;
  };
  over.onpointerup = over.onpointercancel = (event) => {
    if (!from) return;
    wipe(over);
    over.style.opacity = 1;
    if (state.tool === 'box' && event.type === 'pointerup') box(ink, from, place(event));
    from = last = null;
  };

  // --- keeping ----------------------------------------------------------------------------------------------------------------

  find('.keep').onclick = async () => {
    const body = { inspection_id: part.id, camera: part.camera, width_px: ink.width, height_px: ink.height, runs: runsOf(ink) };
    find('.keep').disabled = true;
    try {
      const reply = await fetch('/masks', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
      const answer = await reply.json();
      if (!reply.ok) throw new Error(answer.error);
      Object.assign(state, { changed: false, told: words.draw_kept, wrong: false });
    } catch (error) {
      Object.assign(state, { told: `${words.draw_not_kept}: ${error.message}`, wrong: true });
    }
    show();
  };
  show();
}

function wipe(canvas) { canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height); }

function runsOf(canvas) {
  const { width, height } = canvas;
  const { data } = canvas.getContext('2d', { willReadFrequently: true }).getImageData(0, 0, width, height);
  const runs = [];
  let inside = false, length = 0;
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      const drawn = data[(y * width + x) * 4 + 3] > 127;
      if (drawn === inside) { length++; continue; }
      runs.push(length);
      inside = drawn;
      length = 1;
    }
  }
  runs.push(length);
  return runs;
}

function fill(canvas, runs) {
  const { width, height } = canvas;
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  const image = pen.createImageData(width, height);
  const colour = [1, 3, 5].map((at) => parseInt(INK.slice(at, at + 2), 16));
  let at = 0;
  runs.forEach((length, index) => {
    if (index % 2) for (let n = at; n < at + length; n++) image.data.set([...colour, 255], ((n % height) * width + Math.floor(n / height)) * 4);
    at += length;
  });
  pen.putImageData(image, 0, 0);
}
