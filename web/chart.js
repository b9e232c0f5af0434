// The curves: a thin binding to uPlot. It knows numbers, colours and dashes, no sentences: labels are arguments.

globalThis.rllrChart = {
  /** Draws lines into `element`; the returned object takes the data. `styles` name a line's colour and dashes
   *  below; "recorded" behind a name means the recorded run. */
  create(element, stepLabel, labels, styles, isShaded) {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    let data = [[], ...labels.map(() => [])];
    let plot;

    const size = () => ({ width: element.clientWidth, height: 200 });

    // Never by colour alone: each style has dashes of its own.
    const strokes = {
      ordinary: { colour: "--ordinary", dash: [] },
      "label-sensitive": { colour: "--label-sensitive", dash: [8, 3] },
      truth: { colour: "--ink", dash: [2, 3] },
      level: { colour: "--muted", dash: [1, 4] },
    };
    // Of the recorded run, behind: the same colours, thin, with dots between.
    const recorded = { ordinary: [2, 4], "label-sensitive": [8, 3, 2, 3], truth: [1, 3], level: [1, 6] };

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
      const line = (label, index) => {
        const [style, isRecorded] = styles[index].split(" ");
        const { colour: name, dash: own } = strokes[style];
        const [dash, width] = isRecorded ? [recorded[style], 1] : [own, 2];
        return { label, stroke: colour(name), dash, width, spanGaps: true, points: isRecorded ? { show: false } : { size: 4 }, value: (_, value) => value?.toFixed(3) ?? "–" };
      };
      const options = {
        ...size(),
        scales: { x: { time: false } },
        axes: [
          { ...axis, label: stepLabel, labelFont: axis.font, labelSize: 18, size: 32, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] },
          { ...axis, size: 48 },
        ],
        series: [{ label: stepLabel }, ...labels.map(line)],
        // The space between the first two lines, where the first is above the second.
        bands: isShaded ? [{ series: [1, 2], fill: colour("--gap"), dir: -1 }] : [],
        cursor: { drag: { x: false, y: false }, sync: { key: "rllr" } },
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
      update(steps, lines) {
        data = [steps, ...lines];
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
