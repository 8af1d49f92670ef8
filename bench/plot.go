package main

func plotAll(args []string) error { return nil }
