package kanuutest

// tell is where changes leave the box.
func (k *Kanuu) tell(...change) {}

var _ = (*Kanuu).customers
