package registry

// Steps are the moments that OnStep is told of, in order. "mid swap" is only there with two files or more.
var Steps = []string{"before journal", "after journal", "mid swap", "before actions"}

// OnStep has a function called before each step of a transaction.
func (r *Registry) OnStep(f func(step string)) { r.step = f }
