"""Agents of published papers, one package a paper."""
