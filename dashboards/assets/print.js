// A button that prints the page it stands on.
export default function (component) {
  const button = component.parentElement.querySelector('.print');
  button.textContent = component.data.word;
  button.onclick = () => window.print();
}
