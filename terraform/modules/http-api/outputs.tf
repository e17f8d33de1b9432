output "url" {
  description = "URL of the API."
  value       = aws_apigatewayv2_api.this.api_endpoint
}

output "route_keys" {
  description = "Every route, for tests."
  value       = [for route in aws_apigatewayv2_route.path : route.route_key]
}
