'use strict';
// Draws the page from report.json, which stands in the page as data. Text from data becomes text nodes only;
// for Plotly, which reads a few tags, it is escaped.
(() => {
  const report = JSON.parse(document.getElementById('report').textContent);
  const metrics = JSON.parse(document.getElementById('metrics').textContent);
  const content = document.getElementById('content');
  const sections = document.getElementById('sections');
  const dark = window.matchMedia('(prefers-color-scheme: dark)');
  const narrow = window.matchMedia('(max-width: 45rem)');
  // Okabe and Ito's palette, safe for the colour-blind; dashes and symbols tell apart what colours repeat.
  const palette = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#999999'];
  const dashes = ['solid', 'dash', 'dot'];
  const symbols = ['circle', 'diamond', 'square', 'cross', 'triangle-up'];
  const redraws = [];

  const element = (name, text, attributes) => {
    const made = document.createElement(name);
    if (text !== undefined && text !== null) made.textContent = String(text);
    Object.entries(attributes || {}).forEach(([key, value]) => made.setAttribute(key, value));
    return made;
  };
  const escaped = text => String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  const isNumber = value => typeof value === 'number' && Number.isFinite(value);
  const percent = value => isNumber(value) ? (100 * value).toFixed(1).replace(/^-0\.0$/, '0.0') : '–';
  // Fractions are shown in percent, other metrics in their unit; metrics of other programs count as fractions.
  const metricOf = table => metrics[table.metric] || {name: table.metric, unit: '', higher_is_better: true};
  const isFraction = table => metricOf(table).unit === '';
  const valueText = (table, value) => isFraction(table) ? percent(value) : isNumber(value) ? value.toFixed(2) : '–';
  const plotted = (table, value) => !isNumber(value) ? null : isFraction(table) ? 100 * value : value;
  const metricInUnit = table => metricOf(table).name + ' in ' + (metricOf(table).unit || 'percent');
  const differenceUnit = table => isFraction(table) ? metricOf(table).name + ' points' : metricOf(table).unit + ' of ' + metricOf(table).name;
  const pText = p => !isNumber(p) ? '–' : p < 0.001 ? '< 0.001' : p.toFixed(3);
  const labelOf = (table, id) => (table.entries.find(e => e.id === id) || {label: id}).label;
  const cellLabel = (table, id) => (table.cells.find(c => c.id === id) || {label: id}).label;
  const shownLabel = (table, entry) => labelOf(table, entry.id) + (entry.compared ? '' : ' †');

  function section(id, title) {
    const made = element('section', null, {id, 'aria-labelledby': id + '-title'});
    made.append(element('h2', title, {id: id + '-title'}));
    content.append(made);
    sections.append(element('a', title, {href: '#' + id}));
    return made;
  }

  // rows: arrays of {text, value, kind, title} or plain values; the first cell of a row is its heading.
  function addTable(parent, caption, head, rows) {
    const scroll = element('div', null, {class: 'scroll', role: 'region', tabindex: '0', 'aria-label': caption});
    const table = element('table');
    const body = element('tbody');
    const top = element('tr');
    head.forEach((title, column) => {
      const cell = element('th', null, {scope: 'col', 'aria-sort': 'none'});
      const button = element('button', title, {type: 'button', title: 'Sort by ' + title});
      button.addEventListener('click', () => {
        const direction = cell.getAttribute('aria-sort') === 'descending' ? 'ascending' : 'descending';
        [...top.children].forEach(other => other.setAttribute('aria-sort', 'none'));
        cell.setAttribute('aria-sort', direction);
        sortRows(body, column, direction === 'descending' ? -1 : 1);
      });
      cell.append(button);
      top.append(cell);
    });
    rows.forEach(row => {
      const line = element('tr');
      row.forEach((given, column) => {
        const item = given !== null && typeof given === 'object' ? given : {text: given, value: given};
        const cell = element(column === 0 ? 'th' : 'td', item.text === null ? '–' : item.text);
        if (column === 0) cell.setAttribute('scope', 'row');
        if (item.kind) cell.className = item.kind;
        if (item.title) cell.title = item.title;
        cell.sortValue = item.value === undefined ? item.text : item.value;
        line.append(cell);
      });
      body.append(line);
    });
    const thead = element('thead');
    thead.append(top);
    table.append(element('caption', caption, {class: 'note'}), thead, body);
    scroll.append(table);
    parent.append(scroll);
  }

  // Holes stay last in both directions.
  function sortRows(body, column, direction) {
    const key = row => row.children[column].sortValue;
    [...body.rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      const [xHole, yHole] = [x === null || x === undefined, y === null || y === undefined];
      if (xHole || yHole) return xHole - yHole;
      return direction * (isNumber(x) && isNumber(y) ? x - y : String(x).localeCompare(String(y)));
    }).forEach(row => body.append(row));
  }

  function layoutOf(changes) {
    const style = getComputedStyle(document.documentElement);
    const colour = name => style.getPropertyValue(name).trim();
    const axis = {gridcolor: colour('--line'), zerolinecolor: colour('--soft'), automargin: true};
    const base = {
      paper_bgcolor: colour('--back'), plot_bgcolor: colour('--back'), font: {color: colour('--text'), size: 12},
      margin: {l: 50, r: 20, t: 20, b: 50}, xaxis: {...axis}, yaxis: {...axis}, hovermode: 'closest',
      legend: {orientation: 'h', y: -0.25}};
    return {...base, ...changes, xaxis: {...axis, ...changes.xaxis}, yaxis: {...axis, ...changes.yaxis}};
  }

  // draw() gives {traces, layout}; it is asked again when the colour scheme changes or the reader chooses.
  function addFigure(parent, name, caption, draw) {
    const figure = element('figure');
    const place = element('div', null, {class: 'figure', role: 'group', 'aria-label': caption});
    figure.append(place, element('figcaption', caption));
    parent.append(figure);
    const redraw = () => {
      const {traces, layout} = draw();
      place.style.height = (layout.height || 400) + 'px';
      Plotly.react(place, traces, layoutOf(layout), {
        responsive: true, displaylogo: false, showSendToCloud: false,  // a figure holds patients' values
        toImageButtonOptions: {format: 'svg', filename: name}
      }).then(() => { place.dataset.drawn = 'yes'; });
    };
    redraws.push(redraw);
    return redraw;
  }

  function addChoice(parent, label, options, changed) {
    const select = element('select');
    options.forEach(([value, text]) => select.append(element('option', text, {value})));
    const wrapper = element('label', label + ' ');
    wrapper.append(select);
    parent.append(wrapper);
    select.addEventListener('change', changed);
    return select;
  }

  function summary() {
    const part = section('summary', 'Read this first');
    const list = element('ul');
    report.caveats.slice(1).forEach(text => list.append(element('li', text)));
    part.append(list);
    part.append(element('p', 'The camera in the corner of a figure saves it as SVG. Click a column\'s heading to sort. ' +
      'A dash is a hole: there is no value, and none is made up.', {class: 'note'}));
  }

  function resultTable(part, table) {
    if (table.declaration) part.append(element('p', 'Declaration: ' + table.declaration.sentence + '.', {class: 'note'}));
    const cells = table.cells.filter(cell => cell.shown);
    const missed = value => value.missed > 0 ? ` (${value.missed} missed)` : '';
    const rows = table.entries.map(entry => [{text: shownLabel(table, entry), value: entry.label}].concat(cells.map(cell => {
      const value = table.values.find(v => v.cell === cell.id && v.entry === entry.id) || {};
      if (!isNumber(value.mean)) return {text: '–' + missed(value), value: null, kind: 'hole', title: value.why || ''};
      const test = table.tests.results.find(t => t.cell === cell.id && t.entry === entry.id);
      const star = testMarks(test, 'pooled mean');
      const interval = value.ci95 ? `95 % interval ${valueText(table, value.ci95[0])} to ${valueText(table, value.ci95[1])}; ` : '';
      return {
        text: valueText(table, value.mean) + (isNumber(value.sd) ? ' ± ' + valueText(table, value.sd) : '') + star + missed(value), value: value.mean,
        kind: value.standing,
        title: `${interval}${counted(value.patients, 'patient')}, ${counted(value.values, 'value')}`};
    })));
    addTable(part, metricInUnit(table) + ', pooled mean ± sd over all (case, organ) pairs', ['Method', ...cells.map(c => c.label)], rows);
    part.append(element('p', `Bold: best, underlined: second best of the methods that are compared († is not) and missed nothing, unless a test of ` +
      `the cell calls the best one worse. ` +
      `*: significantly different from ${labelOf(table, table.tests.reference)} in the ${testedMean(table)} (${table.tests.test}, ${table.tests.correction}` +
      ` correction over ${table.tests.family}, level ${table.tests.alpha}; pairs: ${table.tests.pairs_note}).`, {class: 'note'}));
    table.entries.filter(e => e.remark).forEach(e => part.append(element('p', e.label + ': ' + e.remark, {class: 'note'})));
    table.notes.forEach(text => part.append(element('p', text, {class: 'note'})));
  }

  const counted = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;
  const testedMean = table => table.tests.pairs === 'pooled' ? 'pooled mean, by a test of patients' : 'mean over patients';

  // Significant, only in most patients, or against the mean that is printed.
  function testMarks(test, mean) {
    if (!test) return '';
    const marks = (test.verdict === 'better' || test.verdict === 'worse' ? '*' : '') +
      (test.verdict.includes('in most patients') ? '‡' : '') + (test.contradicted_by.includes(mean) ? '§' : '');
    return marks ? ' ' + marks : '';
  }

  function paperTable(part, table) {
    const values = table.values.filter(v => v.paper);
    if (values.length === 0) return;
    part.append(element('h3', 'Against the paper'));
    addTable(part, 'The paper\'s number beside ours, in percent', ['Method', 'Cell', 'Paper', 'Ours', 'Ours, 95 % interval', 'Verdict'],
      values.map(v => [labelOf(table, v.entry), cellLabel(table, v.cell),
        {text: percent(v.paper.mean), value: isNumber(v.paper.mean) ? v.paper.mean : null},
        {text: percent(v.mean), value: isNumber(v.mean) ? v.mean : null},
        v.ci95 ? `${percent(v.ci95[0])} to ${percent(v.ci95[1])}` : '–',
        {text: v.paper.verdict === 'inside' ? 'inside our interval' : v.paper.verdict === 'not comparable' ?
          'not comparable: ' + v.paper.why : 'ours ' + v.paper.verdict, kind: 'text'}]));
  }

  function testTable(part, table) {
    part.append(element('h3', 'Tests'));
    addTable(part, `Differences of ${labelOf(table, table.tests.reference)} to each method, in ${differenceUnit(table)}`,
      ['Against', 'Cell', 'Pairs', `Difference of the ${testedMean(table)}`, 'Of the pooled mean', 'Of the mean over organs', 'Hodges–Lehmann', 'Rank-biserial', 'Wins/ties/losses', 'p', 'p adjusted', 'Verdict'],
      table.tests.results.map(t => [labelOf(table, t.entry), cellLabel(table, t.cell), t.pairs,
        {text: valueText(table, t.mean_difference), value: t.mean_difference},
        {text: valueText(table, t.pooled_mean_difference), value: t.pooled_mean_difference},
        {text: valueText(table, t.mean_over_organs_difference), value: t.mean_over_organs_difference}, {text: valueText(table, t.hodges_lehmann), value: t.hodges_lehmann},
        {text: isNumber(t.rank_biserial) ? t.rank_biserial.toFixed(2) : '–', value: t.rank_biserial},
        `${t.wins}/${t.ties_in_outcome}/${t.losses}`, {text: pText(t.p), value: t.p}, {text: pText(t.p_adjusted), value: t.p_adjusted},
        {text: t.verdict === 'identical' ? t.reason : t.verdict + (t.reason ? ': ' + t.reason : '') + (t.contradicted_by.length ? ' §' : ''), title: t.sentence}]));
  }

  function organMap(part, table) {
    part.append(element('h3', 'Organs'));
    const organs = [...new Map(table.organs.map(o => [o.organ, o.name])).entries()].sort((a, b) => a[0] - b[0]);
    const kinds = [...new Set(table.organs.map(o => o.test_modality))];
    if (organs.length === 0) return;
    let redraw = () => {};
    const choice = addChoice(part, 'Test images', kinds.map(k => [k, k.toUpperCase()]), () => redraw());
    redraw = addFigure(part, table.name + '-organs', `${metricInUnit(table)}, mean of each organ; x: the organ is not labelled in ` +
      'this modality (cross-modal); an empty field is a hole.', () => {
      const here = table.organs.filter(o => o.test_modality === choice.value);
      const find = (entry, organ) => here.find(o => o.entry === entry.id && o.organ === organ);
      const x = organs.map(([organ, name]) =>
        escaped(name.replace(/_/g, ' ')) + (here.some(o => o.organ === organ && o.relation === 'cross') ? ' x' : ''));
      const z = table.entries.map(e => organs.map(([organ]) => plotted(table, (find(e, organ) || {}).mean)));
      return {
        traces: [{
          type: 'heatmap', x, y: table.entries.map(e => escaped(e.label)), z, zmin: 0, zmax: isFraction(table) ? 100 : undefined,
          colorscale: 'Cividis', reversescale: !metricOf(table).higher_is_better,
          xgap: 1, ygap: 1, hoverongaps: false, texttemplate: '%{z:.0f}',
          hovertemplate: '%{y}<br>%{x}: %{z:.1f}<extra></extra>', colorbar: {title: {text: metricOf(table).name}, thickness: 12}}],
        layout: {height: 190 + 28 * table.entries.length, yaxis: {autorange: 'reversed'}, xaxis: {tickangle: -40}}};
    });
  }

  function patientFigures(part, table) {
    const known = table.patients.filter(p => p.values.length > 0);
    const cells = [...new Set(known.map(p => p.cell))];
    if (cells.length === 0) return;
    part.append(element('h3', 'Patients'));
    const redrawn = [];
    const choice = addChoice(part, 'Cell', cells.map(c => [c, cellLabel(table, c)]), () => redrawn.forEach(draw => draw()));
    const of = entry => (known.find(p => p.cell === choice.value && p.entry === entry) || {values: []}).values;
    redrawn.push(addFigure(part, table.name + '-patients', `Each point is a patient: the mean ${metricOf(table).name} over the organs of the cell.`, () => ({
      traces: table.entries.filter(e => of(e.id).length > 0).map((e, i) => ({
        type: 'box', name: escaped(e.label), x: of(e.id).map(v => plotted(table, v.value)), text: of(e.id).map(v => escaped(v.case)), boxpoints: 'all',
        jitter: 0.5, pointpos: 0, orientation: 'h', marker: {size: 4, color: palette[i % palette.length]}, fillcolor: 'rgba(128,128,128,0.15)',
        hovertemplate: '%{text}: %{x:.1f}<extra></extra>'})),
      layout: {height: 110 + 36 * table.entries.length, showlegend: false, yaxis: {autorange: 'reversed'}, xaxis: {title: {text: metricInUnit(table)}}}})));
    const reference = table.tests.reference;
    const others = table.entries.filter(e => e.id !== reference);
    redrawn.push(addFigure(part, table.name + '-differences', `Paired differences: ${labelOf(table, reference)} minus each method, for each patient. ` +
      `${metricOf(table).higher_is_better ? 'Right' : 'Left'} of zero: the reference is better.`, () => {
      const base = new Map(of(reference).map(v => [v.case, v.value]));
      return {
        traces: others.map((e, i) => {
          const pairs = of(e.id).filter(v => base.has(v.case));
          return {
            type: 'box', name: escaped(e.label), x: pairs.map(v => plotted(table, base.get(v.case) - v.value)), text: pairs.map(v => escaped(v.case)),
            boxpoints: 'all', jitter: 0.5, pointpos: 0, orientation: 'h', marker: {size: 4, color: palette[i % palette.length]},
            fillcolor: 'rgba(128,128,128,0.15)', hovertemplate: '%{text}: %{x:.1f}<extra></extra>'};
        }),
        layout: {height: 110 + 36 * others.length, showlegend: false, yaxis: {autorange: 'reversed'}, xaxis: {title: {text: 'Difference in ' + differenceUnit(table)}, zeroline: true}}};
    }));
  }

  const schemeNames = {mean: 'mean', median: 'median', mean_rank: 'mean rank', tests: 'significant wins'};
  const placesBy = (ranking, scheme) => ranking.schemes.find(s => s.scheme === scheme).places;

  // Bars that overlap get levels below each other.
  function groupBars(ranking) {
    const rank = new Map(placesBy(ranking, 'mean_rank').map(p => [p.entry, p.value]));
    const bars = [];
    ranking.groups[ranking.post_hoc].filter(g => g.length > 1).forEach(group => {
      const bar = {from: rank.get(group[0]), to: rank.get(group[group.length - 1]), level: 0};
      while (bars.some(o => o.level === bar.level && o.from <= bar.to && bar.from <= o.to)) ++bar.level;
      bars.push(bar);
    });
    return bars;
  }

  // The critical-difference diagram: mean ranks on an axis, labels of the better half on the left.
  function criticalDifference(table, ranking) {
    const places = placesBy(ranking, 'mean_rank');
    const half = Math.ceil(places.length / 2);
    const bars = groupBars(ranking);
    const levels = bars.reduce((most, bar) => Math.max(most, bar.level + 1), 0);
    const ink = getComputedStyle(document.documentElement).getPropertyValue('--text').trim();
    const low = 0.7, high = places.length + 0.3, top = -0.8 - 0.55 * levels;
    const line = (x0, y0, x1, y1, width, color) => ({type: 'line', x0, y0, x1, y1, line: {width, color}});
    const text = (x, y, label, anchor) => ({x, y, text: escaped(label), showarrow: false, font: {size: narrow.matches ? 9 : 12}, xanchor: anchor, xshift: anchor === 'right' ? -4 : 4});
    const shapes = bars.map(bar => line(bar.from - 0.04, -0.5 - 0.55 * bar.level, bar.to + 0.04, -0.5 - 0.55 * bar.level, 5, palette[0]));
    const annotations = [];
    places.forEach((place, i) => {
      const left = i < half;
      const y = top - (left ? i : places.length - 1 - i);
      shapes.push(line(place.value, 0, place.value, y, 1, ink), line(place.value, y, left ? low : high, y, 1, ink));
      annotations.push(text(left ? low : high, y, `${labelOf(table, place.entry)} (${place.value.toFixed(2)})`, left ? 'right' : 'left'));
    });
    if (ranking.post_hoc === 'nemenyi') {
      shapes.push(line(1, 0.9, 1 + ranking.critical_difference, 0.9, 2, ink));
      annotations.push(text(1 + ranking.critical_difference, 0.9, `critical difference ${ranking.critical_difference.toFixed(2)}`, 'left'));
    }
    const longest = Math.max(...places.map(p => labelOf(table, p.entry).length)) + 7;
    const margin = Math.min(7 * longest, 0.36 * content.clientWidth);
    return {
      traces: [{
        type: 'scatter', mode: 'markers', x: places.map(p => p.value), y: places.map(() => 0), text: places.map(p => escaped(labelOf(table, p.entry))),
        marker: {size: 7, color: palette[0]}, hovertemplate: '%{text}: mean rank %{x:.2f}<extra></extra>'}],
      layout: {
        height: 90 + 24 * (half + levels / 2 + 2), shapes, annotations, margin: {l: margin, r: margin, t: 40, b: 10},
        xaxis: {side: 'top', range: [low, high], dtick: places.length > 10 ? 2 : 1, tick0: 1, showgrid: false, zeroline: false, fixedrange: true},
        yaxis: {visible: false, range: [top - half + 0.4, 1.4], fixedrange: true}}};
  }

  // Ranks by four schemes with the middle 95 % of the resampled ranks; shapes and colours tell the schemes apart.
  function rankStability(table, ranking) {
    const order = placesBy(ranking, 'mean').map(p => p.entry);
    const traces = ranking.schemes.map((scheme, s) => {
      const places = order.map(id => scheme.places.find(p => p.entry === id));
      const ends = end => places.map(p => p.rank95 === null ? 0 : Math.abs(p.rank - p.rank95[end]));
      return {
        type: 'scatter', mode: 'markers', name: schemeNames[scheme.scheme], x: places.map(p => p.rank), y: order.map((_, i) => i + 0.2 * (s - 1.5)),
        error_x: {type: 'data', symmetric: false, array: ends(1), arrayminus: ends(0), thickness: 1.5, width: 3},
        text: places.map(p => escaped(labelOf(table, p.entry)) + (p.rank95 === null ? '' : `, 95 %: ${p.rank95[0]} to ${p.rank95[1]}`)),
        marker: {size: 8, color: palette[s], symbol: symbols[s]}, hovertemplate: '%{text}<br>rank %{x}'};
    });
    return {
      traces,
      layout: {
        height: 150 + 42 * order.length, showlegend: true, xaxis: {title: {text: 'Rank (1 is best)'}, dtick: 1, range: [0.5, order.length + 0.5]},
        yaxis: {tickvals: order.map((_, i) => i), ticktext: order.map(id => escaped(labelOf(table, id))), range: [order.length - 0.5, -0.5], zeroline: false}}};
  }

  function friedmanText(friedman) {
    if (!friedman) return 'No Friedman test: fewer than three methods or two patients.';
    const byF = isNumber(friedman.iman_davenport_p);  // F has no value where all patients order the entries alike
    const p = byF ? friedman.iman_davenport_p : friedman.p;
    return `Friedman test: chi-square ${friedman.chi_square.toFixed(1)} on ${friedman.degrees_of_freedom} degrees of freedom, p ` +
      `${p < 0.001 ? '' : '= '}${pText(p)}${byF ? ' (Iman and Davenport)' : ''}, Kendall's W ${friedman.kendall_w.toFixed(2)}: ` +
      (friedman.significant ? 'the methods differ.' : 'no difference between any of the methods is shown.');
  }

  // One section of rankings, whose figures, sentences and tables follow the chosen cell.
  function rankFigures(part, table) {
    const rankings = table.rankings.filter(r => !r.why && placesBy(r, 'mean_rank').length > 1);
    if (rankings.length === 0) return;
    part.append(element('h3', 'Rankings'));
    const figures = [], texts = [];
    const choice = addChoice(part, 'Cell', rankings.map(r => [r.cell, cellLabel(table, r.cell)]), () => [...figures, ...texts].forEach(draw => draw()));
    const chosen = () => rankings.find(r => r.cell === choice.value);
    const test = element('p', null, {class: 'note', 'aria-live': 'polite'});
    part.append(test);
    texts.push(() => {
      const ranking = chosen();
      test.textContent = counted(ranking.patients, 'patient') + (ranking.patients_left_out > 0 ? ` (${ranking.patients_left_out} left out: not ` +
        'scored for every method)' : '') + '. ' + friedmanText(ranking.friedman);
    });
    figures.push(addFigure(part, table.name + '-critical-difference', 'Critical-difference diagram: mean rank over patients, 1 is best. ' +
      `A bar joins methods of which no two were shown to differ (${rankings[0].post_hoc === 'nemenyi' ? 'Nemenyi' :
        'pairwise Wilcoxon signed-rank, Holm'}, level ${table.tests.alpha}).`, () => criticalDifference(table, chosen())));
    figures.push(addFigure(part, table.name + '-ranks', 'Stability of the ranks: four ways to rank; lines are the middle 95 % of the ranks ' +
      'when patients are resampled.', () => rankStability(table, chosen())));
    const place = element('div');
    part.append(place);
    texts.push(() => {
      place.replaceChildren();
      rankTables(place, table, chosen());
    });
    texts.forEach(draw => draw());
  }

  function rankTables(place, table, ranking) {
    addTable(place, 'Agreement of the schemes: Kendall\'s tau-b of their ranks, 1 is the same order', ['Scheme', 'And', 'Tau'],
      ranking.agreement.map(a => [schemeNames[a.first], {text: schemeNames[a.second], kind: 'text'},
        {text: isNumber(a.tau) ? a.tau.toFixed(2) : '–', value: a.tau}]));
    const order = placesBy(ranking, 'mean').map(p => p.entry);
    const neighbours = ranking.pairs.filter(p => Math.abs(order.indexOf(p.better) - order.indexOf(p.other)) === 1);
    addTable(place, `How sure is the order by mean? Neighbours, difference in ${differenceUnit(table)}; p of all ${ranking.pairs.length} pairs ` +
      'adjusted by Holm; share of the resamples of patients in which the order is turned around',
    ['Better', 'Than', 'Difference', 'p adjusted', 'p Nemenyi', 'Turned around'],
    neighbours.map(p => [labelOf(table, p.better), {text: labelOf(table, p.other), kind: 'text'}, {text: valueText(table, p.difference), value: p.difference},
      {text: pText(p.p_adjusted), value: p.p_adjusted}, {text: pText(p.p_nemenyi), value: p.p_nemenyi},
      {text: isNumber(p.order_wrong) ? percent(p.order_wrong) + ' %' : '–', value: p.order_wrong}]));
  }

  function powerTable(part, table) {
    const tests = table.tests.results.filter(t => t.power);
    if (tests.length === 0) return;
    const needed = n => ({text: n === null ? '> 10 million' : n, value: n === null ? Infinity : n});
    const range = pair => pair.map(n => n === null ? '> 10 million' : n).join(' to ');
    part.append(element('h3', 'Power'));
    addTable(part, `What these tests could find: a difference of ${valueText(table, table.tests.equivalence_margin)} ${differenceUnit(table)}. ` +
      `Patients needed for a chance of ${percent(table.tests.wanted_power)} % at level ${Number(table.tests.power_alpha.toPrecision(2))}, ` +
      `with the 95 % interval that the spread of the differences leaves`,
    ['Against', 'Cell', 'Power of the', 'Patients', 'Chance now', 'Patients needed', '95 % interval', 'Were it the only test'],
    tests.map(t => [labelOf(table, t.entry), cellLabel(table, t.cell), {text: t.power.test, kind: 'text'}, t.patients, {text: percent(t.power.now) + ' %', value: t.power.now},
      needed(t.power.patients_needed), range(t.power.patients_needed95), needed(t.power.patients_needed_alone)]));
  }

  // Parameters and training seconds of an entry: means over its runs.
  function costOf(entry) {
    const runs = report.provenance.runs.filter(r => r.id === entry.id && r.state === 'done');
    const mean = list => list.length === 0 ? null : list.reduce((a, b) => a + b, 0) / list.length;
    const folders = new Set(runs.map(r => r.folder));
    return {
      parameters: mean(runs.map(r => r.parameters).filter(isNumber)),
      // What takes less than a millisecond trains nothing, and would stretch the axis by decades.
      seconds: mean(report.times.runs.filter(t => folders.has(t.folder)).map(t => t.timing.training_s).filter(s => isNumber(s) && s >= 0.001))};
  }

  function costFigure(part, table) {
    const costs = table.entries.map(e => ({entry: e, cost: costOf(e)}));
    const measures = [['seconds', 'Seconds of training'], ['parameters', 'Parameters']].filter(([key]) => costs.some(c => isNumber(c.cost[key])));
    if (measures.length === 0) return;
    part.append(element('h3', 'Cost against quality'));
    let redraw = () => {};
    const cost = addChoice(part, 'Cost', measures, () => redraw());
    const cell = addChoice(part, 'Cell', table.cells.map(c => [c.id, c.label]), () => redraw());
    redraw = addFigure(part, table.name + '-cost', `Cost (logarithmic) against the mean; ${metricOf(table).higher_is_better ? 'upper' : 'lower'} ` +
      'left is better. Seconds were measured on whatever machine made the runs.', () => {
      const shown = costs.map((c, i) => ({...c, i, value: table.values.find(v => v.cell === cell.value && v.entry === c.entry.id) || {}}))
        .filter(c => isNumber(c.value.mean) && c.cost[cost.value] > 0);
      return {
        traces: shown.map(c => ({
          type: 'scatter', mode: 'markers', name: escaped(c.entry.label), x: [c.cost[cost.value]], y: [plotted(table, c.value.mean)],
          marker: {size: 11, color: palette[c.i % palette.length], symbol: symbols[Math.floor(c.i / palette.length) % symbols.length]},
          hovertemplate: '%{x:,.4g}: %{y:.1f}'})),
        layout: {height: 460, xaxis: {type: 'log', title: {text: measures.find(m => m[0] === cost.value)[1]}}, yaxis: {title: {text: metricInUnit(table)}}, showlegend: true}};
    });
  }

  // One picture: the image, a layer of colours over it, and the organs' numbers.
  function addPanel(parent, plane, of, caption) {
    const panel = element('figure', null, {class: 'panel'});
    const picture = element('div', null, {class: 'picture', style: `aspect-ratio: ${plane.width} / ${plane.height}`});
    const layer = plane.layers.find(l => l.of === of);
    const source = png => 'data:image/png;base64,' + png;
    picture.append(element('img', null, {src: source(plane.image), alt: `${plane.plane} plane: ${caption}`}),
      element('img', null, {src: source(layer.png), alt: '', class: 'layer'}));
    layer.marks.forEach(mark => picture.append(element('span', mark.organ, {
      class: 'mark', 'aria-hidden': 'true', style: `left: ${100 * mark.x}%; top: ${100 * mark.y}%`})));
    panel.append(picture, element('figcaption', caption));
    parent.append(panel);
  }

  function addLegend(parent, label, items) {
    const list = element('ul', null, {class: 'legend', 'aria-label': label});
    items.forEach(item => {
      const line = element('li');
      line.append(element('span', null, {class: 'swatch', style: 'background: ' + item.colour}),
        document.createTextNode((item.organ ? item.organ + ' ' : '') + item.name));
      list.append(line);
    });
    parent.append(list);
  }

  function overlayCase(part, chosen) {
    const table = report.tables.find(t => t.name === chosen.table);
    const organ = report.overlays.legend.organs.find(o => o.organ === chosen.organ).name;
    const scores = method => `${labelOf(table, method.entry)}: ${valueText(table, method.mean)}, ${organ} ${valueText(table, method.value)}`;
    const worst = chosen.choice === 'worst';
    part.append(element('h3', `${chosen.modality.toUpperCase()} ${chosen.case}: ${worst ? 'the worst' : 'the most disputed'} (${table.name})`));
    part.append(element('p', (worst ? `The ${chosen.modality.toUpperCase()} case with the worst mean ${metricOf(table).name} of ` +
      `${labelOf(table, chosen.reference.entry)} over the organs that its reference holds; cut through its worst organ` :
      `The methods differ by ${valueText(table, chosen.disagreement)} ${differenceUnit(table)} on average over the organs; cut through the ` +
      'organ with the largest difference') + `, ${organ}. ${metricInUnit(table)}. Runs: ${chosen.reference.folder}` +
      (chosen.other ? `, ${chosen.other.folder}.` : '.'), {class: 'note'}));
    if (!chosen.planes) {
      part.append(element('p', 'No pictures: ' + chosen.why));
      return;
    }
    chosen.planes.forEach(plane => {
      const row = element('div', null, {class: 'panels', role: 'group', 'aria-label': `${plane.plane} plane of ${chosen.case}`});
      addPanel(row, plane, 'reference', `Reference, ${plane.plane}, slice ${plane.slice}`);
      addPanel(row, plane, 'prediction', scores(chosen.reference));
      if (chosen.other) addPanel(row, plane, 'other', scores(chosen.other));
      addPanel(row, plane, 'difference', 'Where they are wrong');
      part.append(row);
    });
    const seen = new Set(chosen.planes.flatMap(p => p.layers.flatMap(l => l.marks.map(m => m.organ))));
    addLegend(part, 'Organs', report.overlays.legend.organs.filter(o => seen.has(o.organ)));
    addLegend(part, 'Where they are wrong', chosen.other ? report.overlays.legend.differences :
      [{...report.overlays.legend.differences[3], name: 'wrong'}]);
  }

  function overlays() {
    const part = section('cases', 'Cases to look at');
    if (report.overlays.why) {
      part.append(element('p', 'No pictures: ' + report.overlays.why + '.'));
      return;
    }
    part.append(element('p', 'Slices of the preprocessed images with label maps; the patient\'s right is on the left. Each method is shown by ' +
      'its first run. Chosen by the scores: these are extremes, not typical cases.', {class: 'note'}));
    const box = element('input', null, {type: 'checkbox'});
    box.checked = true;
    box.addEventListener('change', () => part.classList.toggle('bare', !box.checked));
    const label = element('label');
    label.append(box, document.createTextNode(' Show the label maps'));
    part.append(label);
    report.overlays.cases.forEach(chosen => overlayCase(part, chosen));
  }

  function training() {
    const runs = report.training.filter(r => r.loss.length + r.validation.length > 0);
    if (runs.length === 0) return;
    const part = section('training', 'Training curves');
    [['loss', 'Training loss. Losses of different methods are different quantities: read shapes, not heights.', 'Loss'],
      ['validation', 'Validation: sum of Dice over the labelled organs, which chooses the best model.', 'Sum of Dice']].forEach(([key, caption, title]) => {
      addFigure(part, 'training-' + key, caption, () => ({
        traces: runs.map((r, i) => ({
          type: 'scatter', mode: r[key].length > 30 ? 'lines' : 'lines+markers', name: escaped(r.folder),
          x: r[key].map(p => p[0]), y: r[key].map(p => p[1]),
          line: {color: palette[i % palette.length], dash: dashes[Math.floor(i / palette.length) % dashes.length], width: 1.5},
          marker: {size: 5, symbol: symbols[Math.floor(i / palette.length) % symbols.length]}})).filter(t => t.x.length > 0),
        layout: {height: 460, showlegend: true, xaxis: {title: {text: 'Iteration'}}, yaxis: {title: {text: title}}}}));
    });
  }

  // What every method was given and what it cost; times and memory are joined from the runs.
  function ledger() {
    const entries = report.ledger.entries;
    if (entries.length === 0) return;
    const part = section('ledger', 'Ledger');
    const rounded = (value, unit) => isNumber(value) ? {text: (value / unit).toPrecision(3), value} : null;
    const count = value => isNumber(value) ? {text: Math.round(value).toLocaleString('en'), value} : null;
    const measured = (entry, key) => report.times.runs.filter(t => entry.runs.includes(t.folder)).map(t => t.timing[key]).filter(isNumber);
    const mean = list => list.length === 0 ? null : list.reduce((a, b) => a + b, 0) / list.length;
    const largest = list => list.length === 0 ? null : Math.max(...list);
    const gibibyte = 2 ** 30;
    addTable(part, 'What every method was given and what it cost: means over its runs, the largest memory of any. Multiply-adds are those of ' +
      'convolutions and matrix products in training steps, forward and backward, counted in the first step of every epoch.',
      ['Method', 'Runs', 'Patches', 'Steps', 'Parameters', '10⁹ multiply-adds of a step', '10¹² multiply-adds of a training', 'Training s', 'Prediction s', 'Memory GiB', 'GPU memory GiB'],
      entries.map(e => [e.label, e.runs.length, count(e.patches), count(e.iterations), count(e.parameters), rounded(e.multiply_adds_per_iteration, 1e9),
        rounded(e.multiply_adds, 1e12), rounded(mean(measured(e, 'training_s')), 1), rounded(mean(measured(e, 'prediction_s')), 1),
        rounded(largest(measured(e, 'peak_memory_bytes')), gibibyte), rounded(largest(measured(e, 'peak_device_bytes')), gibibyte)]
        .map(cell => cell === null ? {text: '–', value: -1} : cell)));
    addTable(part, 'Hyper-parameters and where they came from: the paper that describes the method, the code published with it, or us',
      ['Method', 'Hyper-parameter', 'Value', 'Origin'],
      [['all methods', report.ledger.common], ...entries.map(e => [e.label, e.options])].flatMap(([label, options]) =>
        options.map(o => [label, {text: o.name, kind: 'text'}, {text: JSON.stringify(o.value), kind: 'text'}, {text: o.origin, kind: 'text'}])));
  }

  function failures() {
    const part = section('failures', 'Failures and warnings');
    if (report.failures.length === 0) part.append(element('p', 'Every run has scores.'));
    else addTable(part, 'Runs without scores', ['Run', 'Reason'], report.failures.map(f => [f.folder, {text: f.reason, kind: 'text'}]));
    if (report.warnings.length > 0)
      addTable(part, 'Warnings and notes', ['Warning', 'Runs'], report.warnings.map(w => [w.text, {text: w.runs.join(', '), kind: 'text'}]));
  }

  function provenance() {
    const part = section('provenance', 'Provenance');
    const from = report.provenance;
    part.append(element('p', `totum ${from.totum}; made ${report.times.created_at}; ${report.resampling.resamples} bootstrap resamples with seed ` +
      `${report.resampling.seed}. "totum verify" recomputes every table, caveat and training curve of report.json, from which this page is made, and compares the logs; not the times.`));
    const short = hash => hash ? {text: hash.slice(0, 12), title: hash} : '–';
    addTable(part, 'Runs; the first twelve digits of each SHA-256', ['Run', 'State', 'Device', 'Parameters', 'Patches', 'Scores', 'Weights', 'Configuration', 'Data', 'Split'],
      from.runs.map(r => [r.folder, r.state, r.device || '–', isNumber(r.parameters) ? r.parameters : null, isNumber(r.patches) ? r.patches : null,
        short(r.scores_sha256), short(r.weights_sha256), ...['config', 'data', 'split'].map(key => short((r.hashes || {})[key]))]));
    if (from.config) {
      const details = element('details');
      details.append(element('summary', 'Configuration'), element('pre', JSON.stringify(from.config, null, 1), {tabindex: '0'}));
      part.append(details);
    }
  }

  summary();
  report.tables.forEach(table => {
    const part = section('table-' + table.name, table.name + ': ' + table.title);
    [resultTable, paperTable, testTable, powerTable, organMap, patientFigures, rankFigures, costFigure].forEach(add => add(part, table));
  });
  overlays();
  training();
  ledger();
  failures();
  provenance();
  // One figure in each turn of the event loop, from the top, so that the page can be read and scrolled at once.
  function redrawAll() {
    const left = [...redraws];
    const next = () => {
      if (left.length === 0) return;
      left.shift()();
      setTimeout(next);
    };
    next();
  }
  redrawAll();
  [dark, narrow].forEach(query => query.addEventListener('change', redrawAll));
})();
