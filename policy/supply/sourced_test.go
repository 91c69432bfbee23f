package supply

import "reflect"

// sourced gives every row of a made-up file that names no source one: what a
// test is about is then all that it has to write.
func sourced(f File) File {
	v := reflect.ValueOf(&f).Elem()
	giveSources(v)
	return f
}

func giveSources(v reflect.Value) {
	switch v.Kind() {
	case reflect.Slice:
		// A caller's rows stay as they are.
		own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(own, v)
		if !v.IsNil() {
			v.Set(own)
		}
		for i := range v.Len() {
			giveSources(v.Index(i))
		}
	case reflect.Struct:
		if ref, ok := v.Addr().Interface().(*Ref); ok {
			if ref.Source == "" {
				ref.Source = "https://example.org/register"
			}
			if ref.Certainty == "" {
				ref.Certainty = "official"
			}
			return
		}
		for i := range v.NumField() {
			giveSources(v.Field(i))
		}
	}
}
