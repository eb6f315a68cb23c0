"""Mend pictures: fill holes, restore whole photos, train restorers, draw pictures from noise."""
