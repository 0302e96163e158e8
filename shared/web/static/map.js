// Draws points and routes from a JSON block beside each [data-map] element with Leaflet.
// Texts become text nodes, never markup. Without tiles the map is a calm ground with a scale.
"use strict";

const ROUTE_COLOURS = ["#0b5c5e", "#a62458", "#1d4f91", "#7a4b00", "#1d6b3a", "#6b3fa0", "#94331a", "#3d5a00"];

const PLACE_MARKS = { office: "BC", desk: "MC" }; // bưu cục, Một cửa

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function marker(point) {
  const mark = point.number ?? PLACE_MARKS[point.kind] ?? "";
  const pin = element("span", `pin ${point.kind || "home"}`, String(mark));
  const icon = L.divIcon({ className: "pin-holder", html: pin, iconSize: [30, 30], iconAnchor: [15, 15] });
  const made = L.marker([point.lat, point.lon], { icon, title: point.label, alt: point.label });
  return made.bindPopup(popup(point));
}

function popup(point) {
  const box = element("div", "pin-popup", "");
  box.append(element("strong", "", point.label));
  if (point.detail) box.append(element("p", "", point.detail));
  if (point.href && point.href.startsWith("/")) {
    const link = element("a", "", "Xem chi tiết");
    link.href = point.href;
    box.append(link);
  }
  return box;
}

function line(route, order) {
  const colour = ROUTE_COLOURS[order % ROUTE_COLOURS.length];
  return L.polyline(route.points, { color: colour, weight: 4, opacity: 0.85 }).bindTooltip(
    element("span", "", route.name || ""), { sticky: true });
}

function draw(holder) {
  const data = JSON.parse(document.getElementById(holder.dataset.map).textContent);
  holder.replaceChildren();
  const map = L.map(holder, { scrollWheelZoom: false, zoomSnap: 0.5, attributionControl: Boolean(holder.dataset.tiles) });
  if (holder.dataset.tiles) {
    L.tileLayer(holder.dataset.tiles, { maxZoom: 19, attribution: "© OpenStreetMap contributors" }).addTo(map);
  }
  L.control.scale({ imperial: false }).addTo(map);
  const layers = [...(data.routes || []).map(line), ...(data.points || []).map(marker)];
  const group = L.featureGroup(layers).addTo(map);
  if (layers.length) map.fitBounds(group.getBounds().pad(0.12), { maxZoom: 15 });
  else map.setView([15.7, 108.2], 9);
  holder.dataset.drawn = "yes";
}

function drawAll(root) {
  if (!window.L) return; // the list beside the map says the same
  root.querySelectorAll("[data-map]:not([data-drawn])").forEach(draw);
}

drawAll(document);
document.addEventListener("htmx:load", (event) => drawAll(event.target.parentElement || document));
