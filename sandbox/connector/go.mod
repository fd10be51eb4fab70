module odoo-tenants/connector

go 1.26
