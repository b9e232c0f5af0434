// The loss curve: a thin binding to uPlot. It knows numbers and colours, no sentences: labels are arguments.

globalThis.rllrChart = {
  /** Draws into `element`; the returned object takes the data. */
  create(element, stepLabel, lossLabel) {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    let data = [[], []];
    let plot;

    const size = () => ({ width: element.clientWidth, height: Math.min(320, Math.max(200, innerHeight / 3)) });

    const draw = () => {
      plot?.destroy();
      const style = getComputedStyle(element);
      const colour = (name) => style.getPropertyValue(name).trim();
      const axis = {
        stroke: colour("--muted"),
        font: `12px ${style.fontFamily}`,
        grid: { stroke: colour("--line"), width: 1 },
        ticks: { stroke: colour("--line"), width: 1 },
      };
      const options = {
        ...size(),
        scales: { x: { time: false } },
        axes: [
          { ...axis, label: stepLabel, labelFont: axis.font, labelSize: 20, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] },
          { ...axis, label: lossLabel, labelFont: axis.font, labelSize: 20 },
        ],
        series: [
          { label: stepLabel },
          { label: lossLabel, stroke: colour("--accent"), width: 2, value: (_, value) => value?.toFixed(4) ?? "–" },
        ],
        cursor: { drag: { x: false, y: false } },
      };
      plot = new uPlot(options, data, element);
    };

    draw();
    const resized = new ResizeObserver(() => {
      if (element.clientWidth > 0 && element.clientWidth !== plot.width) plot.setSize(size());
    });
    resized.observe(element);
    dark.addEventListener("change", draw);

    return {
      update(steps, losses) {
        data = [steps, losses];
        plot.setData(data);
      },
      destroy() {
        resized.disconnect();
        dark.removeEventListener("change", draw);
        plot.destroy();
      },
    };
  },
};
