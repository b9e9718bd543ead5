package gateway

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	metricName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
	labelName  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
)

// ParseMetrics reads a page in the text format 0.0.4 as strictly as a linter:
// HELP then TYPE then samples of one family, every family and every sample
// once, counters named _total and not negative, nothing but these lines. Keys
// of the result are name{label="value",...} with the values in Go's quotes.
func ParseMetrics(text string) (map[string]float64, error) {
	out, families := map[string]float64{}, map[string]bool{}
	name, kind, helped := "", "", ""
	var histograms []string
	bucket := 0.0 // the last sample
	if !strings.HasSuffix(text, "\n") {
		return nil, fmt.Errorf("the last line has no end")
	}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		var err error
		switch {
		case strings.HasPrefix(line, "# HELP "):
			if helped, err = help(line, families); err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
			name = ""
		case strings.HasPrefix(line, "# TYPE "):
			word := strings.Split(line, " ")
			if len(word) != 4 || word[2] != helped || helped == "" {
				return nil, fmt.Errorf("line %d: TYPE without its HELP: %q", i+1, line)
			}
			if name, kind, helped = word[2], word[3], ""; !slices.Contains([]string{"gauge", "counter", "histogram"}, kind) || (kind == "counter") != strings.HasSuffix(name, "_total") {
				return nil, fmt.Errorf("line %d: %q", i+1, line)
			}
			if bucket = 0; kind == "histogram" {
				histograms = append(histograms, name)
			}
		default:
			key, value, err := sample(line, name)
			if kind == "histogram" && strings.HasPrefix(key, name+"_bucket") && value < bucket {
				return nil, fmt.Errorf("line %d: fewer than in the bucket before: %q", i+1, line)
			}
			bucket = value
			if _, twice := out[key]; err != nil || twice || name == "" || kind == "counter" && value < 0 {
				return nil, fmt.Errorf("line %d: %q: %v, twice %v", i+1, line, err, twice)
			}
			out[key] = value
		}
	}
	for _, name := range histograms {
		all, ok := out[name+`_bucket{le="+Inf"}`]
		if _, sum := out[name+"_sum"]; !ok || !sum || all != out[name+"_count"] {
			return nil, fmt.Errorf("%s is no whole histogram", name)
		}
	}
	return out, nil
}

func help(line string, families map[string]bool) (string, error) {
	name, text, _ := strings.Cut(strings.TrimPrefix(line, "# HELP "), " ")
	if !metricName.MatchString(name) || strings.TrimSpace(text) == "" || families[name] {
		return "", fmt.Errorf("a family without a good name or words, or one that was there: %q", line)
	}
	families[name] = true
	return name, nil
}

// sample reads one sample of the family name.
func sample(line, name string) (key string, value float64, err error) {
	rest, ok := strings.CutPrefix(line, name)
	if !ok {
		return "", 0, fmt.Errorf("not of %q", name)
	}
	for _, part := range []string{"_bucket", "_sum", "_count"} { // of a histogram
		if after, ok := strings.CutPrefix(rest, part); ok {
			name, rest = name+part, after
		}
	}
	key = name
	if strings.HasPrefix(rest, "{") {
		var labels []string
		if labels, rest, err = labelsOf(rest[1:]); err != nil {
			return "", 0, err
		}
		key += "{" + strings.Join(labels, ",") + "}"
	}
	number, ok := strings.CutPrefix(rest, " ")
	if !ok {
		return "", 0, fmt.Errorf("no space before the value in %q", rest)
	}
	value, err = strconv.ParseFloat(number, 64)
	return key, value, err
}

func labelsOf(s string) (labels []string, rest string, err error) {
	seen := map[string]bool{}
	for {
		label, after, ok := strings.Cut(s, `="`)
		if !ok || !labelName.MatchString(label) || seen[label] {
			return nil, "", fmt.Errorf("bad or double label in %q", s)
		}
		seen[label] = true
		var value strings.Builder
		i := 0
		for ; i < len(after) && after[i] != '"'; i++ {
			if after[i] != '\\' {
				value.WriteByte(after[i])
				continue
			}
			i++
			if i == len(after) || !strings.ContainsRune(`\"n`, rune(after[i])) {
				return nil, "", fmt.Errorf("unknown escape in %q", after)
			}
			value.WriteString(map[byte]string{'\\': `\`, '"': `"`, 'n': "\n"}[after[i]])
		}
		if i+1 >= len(after) {
			return nil, "", fmt.Errorf("labels without an end: %q", after)
		}
		labels = append(labels, label+"="+strconv.Quote(value.String()))
		if s = after[i+1:]; s[0] == '}' {
			return labels, s[1:], nil
		}
		if s[0] != ',' {
			return nil, "", fmt.Errorf("neither , nor } in %q", s)
		}
		s = s[1:]
	}
}
