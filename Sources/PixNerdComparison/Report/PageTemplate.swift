/// The page as a Mustache template over `PageModel`: XHTML in form, so that it can be read by any parser.
let pageTemplate = """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8"/>
    <meta name="viewport" content="width=device-width, initial-scale=1"/>
    <title>{{title}}</title>
    <style>{{{style}}}</style>
    </head>
    <body>
    <h1>{{title}}</h1>
    {{#model}}
    <p>{{summary}}</p>
    {{#isEqual}}
    <div class="banner equal"><p><strong>Equal.</strong> Everything but space and head is the same for all pipelines.</p></div>
    {{/isEqual}}
    {{^isEqual}}
    <div class="banner unequal"><p><strong>Not equal.</strong> These pipelines differ in more than their space, so that no
    difference below can be laid to it:</p>
    <ul>{{#unequal}}<li><code>{{head}}</code>: {{#cells}}{{.}}{{/cells}}</li>{{/unequal}}</ul></div>
    {{/isEqual}}
    {{#hasMissing}}
    <div class="banner notice"><p><strong>Not finished.</strong> {{missing}} pieces of work are still to be done.</p></div>
    {{/hasMissing}}
    {{#notices}}
    <div class="banner notice"><p>{{.}}</p></div>
    {{/notices}}
    <ul class="pipelines">
    {{#pipelines}}
    <li>{{{mark}}}<strong>{{name}}</strong>: {{text}}</li>
    {{/pipelines}}
    </ul>

    <h2>How near to real pictures</h2>
    <p class="note">{{measuredNote}}</p>
    {{#measured}}
    <h3>{{title}}</h3>
    <div class="scroll"><table class="named">
    <thead><tr><th></th>{{#heads}}<th>{{name}}</th>{{/heads}}</tr></thead>
    <tbody>
    {{#rows}}
    <tr><th>{{{mark}}}{{head}}</th>{{#cells}}{{> cell}}{{/cells}}</tr>
    {{/rows}}
    </tbody></table></div>
    {{/measured}}
    <details><summary>What the measures are</summary>
    <table class="words"><tbody>
    {{#definitions}}
    <tr><th>{{head}}</th>{{#cells}}<td>{{.}}</td>{{/cells}}</tr>
    {{/definitions}}
    </tbody></table></details>

    <h2>The same seeds side by side</h2>
    <p class="note">{{gridNote}}</p>
    {{#grids}}
    {{> grid}}
    {{/grids}}

    <h2>Along training</h2>
    <p class="note">{{chartNote}}</p>
    {{#charts}}
    <h3>{{title}}</h3>
    <p class="note">{{note}}</p>
    <div class="charts">
    {{#figures}}
    <figure><figcaption>{{title}}</figcaption>{{{svg}}}</figure>
    {{/figures}}
    </div>
    {{/charts}}

    <h2>What it costs</h2>
    <p class="note">{{costNote}}</p>
    <div class="scroll"><table class="costs">
    <thead><tr><th></th>{{#costHeads}}<th>{{{mark}}}{{name}}</th>{{/costHeads}}</tr></thead>
    {{#costs}}
    <tbody>
    <tr><th class="group">{{title}}</th></tr>
    {{#rows}}
    <tr><th>{{head}}</th>{{#cells}}{{> cell}}{{/cells}}</tr>
    {{/rows}}
    </tbody>
    {{/costs}}
    </table></div>

    <h2>Into the space and back</h2>
    <p class="note">{{roundTripNote}}</p>
    {{#roundTripTable}}
    <div class="scroll"><table class="named">
    <thead><tr><th></th>{{#heads}}<th>{{name}}</th>{{/heads}}</tr></thead>
    <tbody>
    {{#rows}}
    <tr><th>{{{mark}}}{{head}}</th>{{#cells}}{{> cell}}{{/cells}}</tr>
    {{/rows}}
    </tbody></table></div>
    {{/roundTripTable}}
    {{#roundTrips}}
    <h3>{{{name.mark}}}{{name.name}}</h3>
    <p class="note">{{text}}</p>
    <div class="zooms">
    {{#zooms}}
    <img src="{{{address}}}" width="{{width}}" height="{{height}}" alt="a picture, what came back of it, and the difference"/>
    {{/zooms}}
    </div>
    {{/roundTrips}}

    <h2>Spectra</h2>
    <p class="note">{{spectraNote}}</p>
    <div class="charts">
    {{#spectra}}
    <figure><figcaption>{{title}}</figcaption>{{{svg}}}</figure>
    {{/spectra}}
    </div>

    <h2>The way from noise</h2>
    <p class="note">{{trajectoryNote}}</p>
    {{#trajectories}}
    {{> grid}}
    {{/trajectories}}

    <h2>What was held equal, and what not</h2>
    <h3>What spaces and heads make differ</h3>
    <div class="scroll"><table class="words">
    <thead><tr><th></th>{{#pipelines}}<th>{{name}}</th>{{/pipelines}}</tr></thead>
    <tbody>
    {{#differing}}
    <tr><th><code>{{head}}</code></th>{{#cells}}<td>{{.}}</td>{{/cells}}</tr>
    {{/differing}}
    </tbody></table></div>
    <details><summary>What is the same for all</summary>
    <div class="scroll"><table class="words"><tbody>
    {{#equal}}
    <tr><th><code>{{head}}</code></th>{{#cells}}<td>{{.}}</td>{{/cells}}</tr>
    {{/equal}}
    </tbody></table></div></details>

    <h2>How it was made</h2>
    <table class="words"><tbody>
    {{#made}}
    <tr><th>{{head}}</th>{{#cells}}<td><code>{{.}}</code></td>{{/cells}}</tr>
    {{/made}}
    </tbody></table>
    {{/model}}
    </body>
    </html>
    """

/// A number with its interval, or a dash.
let cellTemplate = """
    <td>{{#number}}<data value="{{value}}">{{text}}</data>{{/number}}{{^number}}–{{/number}}\
    {{#low}}<span class="range"><data value="{{value}}">{{text}}</data> … {{/low}}\
    {{#high}}<data value="{{value}}">{{text}}</data></span>{{/high}}</td>
    """

/// Strips of images: a row for each class, a column for each pipeline; on a phone one below the other.
let gridTemplate = """
    <h3>{{title}}</h3>
    <div class="same" style="grid-template-columns: 6rem repeat({{columns}}, minmax(0, 1fr))">
    {{#names}}
    <span class="top wide">{{{mark}}}{{name}}</span>
    {{/names}}
    {{#rows}}
    <span class="class">{{head}}</span>
    {{#strips}}
    <figure><div class="strip" role="img" aria-label="{{description}}">{{#addresses}}<img src="{{{.}}}" alt=""/>{{/addresses}}\
    </div><figcaption class="narrow">{{{name.mark}}}{{name.name}}</figcaption></figure>
    {{/strips}}
    {{/rows}}
    </div>
    """
