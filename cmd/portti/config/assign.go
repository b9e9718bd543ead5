package config

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"

	"portti/device"
)

// assign converts v to what dst holds. Its answer is a clause about the key
// and advice, both empty where all went well.
func assign(dst reflect.Value, v any) (text, hint string) {
	if t, ok := dst.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if s, ok := v.(string); ok {
			if err := t.UnmarshalText([]byte(s)); err != nil {
				if _, isBaud := t.(*device.Baud); isBaud {
					return err.Error() + ", found text", typeHint(dst, v)
				}
				return err.Error(), unitHint(dst, s)
			}
			return "", ""
		}
		if _, isUnit := quantityForms(dst); isUnit {
			return wants(dst) + ", found " + kindOf(v), unitHint(dst, fmt.Sprint(v))
		}
	}
	switch {
	case assignPlain(dst, v):
		return "", ""
	case dst.Kind() == reflect.Slice:
		if list, ok := v.([]any); ok {
			return assignList(dst, list)
		}
	}
	return wants(dst) + ", found " + kindOf(v), typeHint(dst, v)
}

func assignList(dst reflect.Value, list []any) (text, hint string) {
	all := reflect.MakeSlice(dst.Type(), len(list), len(list))
	for i, v := range list {
		if text, hint := assign(all.Index(i), v); text != "" {
			return fmt.Sprintf("element %d %s", i+1, text), hint
		}
	}
	dst.Set(all)
	return "", ""
}

// assignPlain handles text, booleans and numbers. A whole number may stand
// where a decimal one is meant, not the other way.
func assignPlain(dst reflect.Value, v any) bool {
	switch x := v.(type) {
	case string:
		if dst.Kind() == reflect.String {
			dst.SetString(x)
			return true
		}
	case bool:
		if dst.Kind() == reflect.Bool {
			dst.SetBool(x)
			return true
		}
	case int64:
		switch {
		case dst.CanInt() && !dst.OverflowInt(x):
			dst.SetInt(x)
			return true
		case dst.CanUint() && x >= 0 && !dst.OverflowUint(uint64(x)):
			dst.SetUint(uint64(x))
			return true
		case dst.CanFloat():
			dst.SetFloat(float64(x))
			return true
		}
	case float64:
		if dst.CanFloat() && !math.IsNaN(x) && !math.IsInf(x, 0) {
			dst.SetFloat(x)
			return true
		}
	}
	if dst.Kind() == reflect.Interface && dst.NumMethod() == 0 && v != nil {
		dst.Set(reflect.ValueOf(v))
		return true
	}
	return false
}

// wants is what a key of dst's type must be.
func wants(dst reflect.Value) string {
	if _, ok := dst.Addr().Interface().(*Duration); ok {
		return `must be a duration such as "20s", "5m" or "30d"`
	}
	if _, ok := dst.Addr().Interface().(*Size); ok {
		return `must be a size such as "200MB" or "64KiB"`
	}
	if _, ok := dst.Addr().Interface().(*Rate); ok {
		return wantsRate
	}
	if _, ok := dst.Addr().Interface().(*device.Baud); ok {
		return `must be a whole number, or "auto"`
	}
	switch k := dst.Kind(); {
	case k == reflect.String:
		return "must be text"
	case k == reflect.Bool:
		return "must be true or false"
	case dst.CanUint():
		return "must be a whole number from 0"
	case dst.CanInt():
		return "must be a whole number"
	case dst.CanFloat():
		return "must be a number"
	case k == reflect.Slice:
		return "must be a list in [ ]"
	}
	return "must be a table"
}

// kindOf names what was found, as TOML calls it in plain words.
func kindOf(v any) string {
	switch x := v.(type) {
	case string:
		return "text"
	case bool:
		return strconv.FormatBool(x)
	case int64:
		return "the number " + strconv.FormatInt(x, 10)
	case float64:
		return "the number " + strconv.FormatFloat(x, 'g', -1, 64)
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	case time.Time:
		return "a date"
	}
	return "a date or time"
}

// typeHint advises where text and number were mixed up.
func typeHint(dst reflect.Value, v any) string {
	s, isText := v.(string)
	_, notNumber := strconv.ParseFloat(s, 64)
	switch {
	case isText && dst.Kind() == reflect.Bool && (s == "true" || s == "false"),
		isText && (dst.CanInt() || dst.CanUint() || dst.CanFloat()) && notNumber == nil:
		return "remove the quotes"
	case isText && s == "auto":
		return "this version does not detect it: write the number"
	case !isText && dst.Kind() == reflect.String:
		return "put it in quotes"
	}
	return ""
}

// quantityForms says whether dst needs a unit, and which are usual.
func quantityForms(dst reflect.Value) ([]string, bool) {
	switch dst.Addr().Interface().(type) {
	case *Duration:
		return []string{"ms", "s", "m", "h", "d"}, true
	case *Size:
		return []string{"B", "kB", "MB", "GB", "KiB", "MiB"}, true
	case *Rate:
		return []string{"B/s", "kB/s", "MB/s"}, true
	}
	return nil, false
}

// unitHint offers a bare number with each unit it may have been meant in.
func unitHint(dst reflect.Value, number string) string {
	units, _ := quantityForms(dst)
	if _, err := strconv.ParseFloat(number, 64); err != nil || len(number) > 20 || len(units) == 0 {
		return ""
	}
	for i, u := range units {
		units[i] = number + u
	}
	return "say the unit: " + oneOf(units)
}
