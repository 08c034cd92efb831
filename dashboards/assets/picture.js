// One picture with its heat map and boxes, for the pages that do not change by themselves.

export default function (component) {
  const { part, language, words } = component.data;
  const root = component.parentElement;
  const find = (selector) => root.querySelector(selector);
  const photo = picture(part.picture, 'photo');
  const layers = [photo];
  if (part.heat) layers.push(picture(part.heat, 'heat'));
  find('.frame').replaceChildren(...layers);
  photo.addEventListener('load', () => {
    find('.frame').style.aspectRatio = `${photo.naturalWidth} / ${photo.naturalHeight}`;
    find('.frame svg')?.remove();
    find('.frame').append(boxes(part, photo, language));
  });
  find('.bar').hidden = !part.heat;
  find('.heat-toggle').textContent = words.heat_map;
  find('.bar span').textContent = words.opacity;
  const view = find('.picture-view');
  const set = (on, opacity) => {
    localStorage.setItem('live.heat', on ? 'on' : 'off');
    localStorage.setItem('live.opacity', opacity);
    view.classList.toggle('heat-off', !on);
    view.style.setProperty('--heat-opacity', opacity / 100);
    find('.heat-toggle').setAttribute('aria-pressed', String(on));
    find('.opacity').value = opacity;
  };
  const on = () => localStorage.getItem('live.heat') !== 'off';
  const opacity = () => localStorage.getItem('live.opacity') || '70';
  find('.heat-toggle').onclick = () => set(!on(), opacity());
  find('.opacity').oninput = (event) => set(on(), event.target.value);
  set(on(), opacity());
}

function picture(address, name) {
  const image = new Image();
  image.className = name;
  image.alt = '';
  image.src = address;
  return image;
}

function boxes(part, photo, language) {
  const svg = element('svg', { viewBox: `0 0 ${photo.naturalWidth} ${photo.naturalHeight}` });
  const size = photo.naturalWidth / 34;
  for (const defect of part.defects) {
    if (!defect.box_px || (defect.camera && defect.camera !== part.camera)) continue;
    const [x, y, width, height] = defect.box_px;
    const text = element('text', { x, y: y > size * 1.4 ? y - size * 0.4 : y + height + size * 1.1 });
    text.style.fontSize = `${size}px`;
    text.style.strokeWidth = `${size / 4}px`;
    text.textContent = `${defect.kind[language]} ${(defect.confidence * 100).toFixed(0)} %`;
    svg.append(element('rect', { x, y, width, height }), element('rect', { x, y, width, height, class: 'inner' }), text);
  }
  return svg;
}

function element(name, attributes) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
