"""The way in: what a request asks for, who decides, and what the dead leave behind."""
