"""Requests that are sent again: who may run, and the answers that are given again."""
