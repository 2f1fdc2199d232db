"""What every study needs: tasks that resume, tables, the menu of studies."""
